import torch

from tests.training.labelled import Drawn, drawn, rated
from training import fitting
from training.config import TrainingConfig
from training.reward_head import spread
from training.selection import PENALTIES
from training.targets import Place, Targets

NUMBER = 40
CONFIG = TrainingConfig()
FEATURES, LIKED = drawn(NUMBER)


def rated_in(conversations: int, questions: int) -> Targets:
    places = [Place(f"c{i % conversations}", f"q{i % questions}") for i in range(NUMBER)]
    return Targets([rated(i, float(LIKED[i]), place) for i, place in enumerate(places)])


def test_one_long_conversation_teaches_as_much_as_many_short_ones() -> None:
    long, short = (
        fitting.fit(Drawn(FEATURES), rated_in(number, NUMBER), Targets(), CONFIG)[0]
        for number in (1, NUMBER)
    )
    assert torch.equal(long.members(FEATURES), short.members(FEATURES))
    assert spread(long.members(FEATURES)).mean() > 0.01


def test_of_one_question_alone_the_most_careful_head_comes() -> None:
    head, _ = fitting.fit(Drawn(FEATURES), rated_in(1, 1), Targets(), CONFIG)
    assert head.penalty == max(PENALTIES)


def test_the_setting_says_whether_a_head_has_hidden_units() -> None:
    heads = [
        fitting.fit(
            Drawn(FEATURES), rated_in(NUMBER, NUMBER), Targets(), TrainingConfig(reward_head=kind)
        )[0]
        for kind in ("linear", "mlp")
    ]
    assert [head.hidden is not None for head in heads] == [False, True]
