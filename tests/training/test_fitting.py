from collections.abc import Sequence

import torch
from torch import Tensor

from tests.training.labelled import drawn
from training import fitting
from training.config import TrainingConfig
from training.feature_cache import FeatureCache, Item
from training.prompts import Answer, Turn
from training.reward_head import spread
from training.selection import PENALTIES
from training.targets import Place, Rated, Targets

NUMBER = 40
CONFIG = TrainingConfig()
FEATURES, LIKED = drawn(NUMBER)


class Drawn(FeatureCache):
    """Features by the number that an answer is."""

    def __init__(self) -> None:
        pass

    def features(self, items: Sequence[Item]) -> Tensor:
        return FEATURES[[int(answer.text) for _, answer in items]]


def rated(conversations: int, questions: int) -> Targets:
    return Targets(
        [one(i, Place(f"c{i % conversations}", f"q{i % questions}")) for i in range(NUMBER)]
    )


def one(number: int, place: Place) -> Rated:
    turns: list[Turn] = [{"role": "user", "content": "why?"}]
    return Rated(turns, Answer(str(number)), float(LIKED[number]), 1.0, place, "rating")


def test_one_long_conversation_teaches_as_much_as_many_short_ones() -> None:
    long, short = (
        fitting.fit(Drawn(), rated(number, NUMBER), Targets(), CONFIG)[0] for number in (1, NUMBER)
    )
    assert torch.equal(long.members(FEATURES), short.members(FEATURES))
    assert spread(long.members(FEATURES)).mean() > 0.01


def test_of_one_question_alone_the_most_careful_head_comes() -> None:
    head, _ = fitting.fit(Drawn(), rated(1, 1), Targets(), CONFIG)
    assert head.penalty == max(PENALTIES)


def test_the_setting_says_whether_a_head_has_hidden_units() -> None:
    heads = [
        fitting.fit(Drawn(), rated(NUMBER, NUMBER), Targets(), TrainingConfig(reward_head=kind))[0]
        for kind in ("linear", "mlp")
    ]
    assert [head.hidden is not None for head in heads] == [False, True]
