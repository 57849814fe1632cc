from dataclasses import replace
from statistics import mean

import torch

from tests.training.labelled import FEATURES, drawn, labels
from training import reward_head
from training.chance import DEALS, chance
from training.kinds import KINDS
from training.layout import layout
from training.ridge import Labels

AT = layout(FEATURES).kinds
LEAST = 1 / (1 + DEALS)


def answers(number: int) -> torch.Tensor:
    """Answers of which each has some of every kind of token."""
    features, _ = drawn(number)
    features[:, AT] = torch.randn(number, len(KINDS), generator=torch.Generator().manual_seed(2))
    return features


def told(features: torch.Tensor, said: Labels) -> float:
    return chance(reward_head.fit(features, said), features, said)


def by_coin(seed: int, number: int = 32) -> torch.Tensor:
    return torch.randint(2, (number,), generator=torch.Generator().manual_seed(seed)).float()


def test_ratings_that_go_with_the_answers_are_hardly_ever_matched_by_chance() -> None:
    features = answers(64)
    assert told(features, labels((features[:, AT.start + 5] > 0).float())) == LEAST


def test_pairs_that_go_with_the_answers_are_neither() -> None:
    features = answers(64)
    pairs = torch.arange(64).reshape(-1, 2)
    left, right = features[0::2, AT.start + 5], features[1::2, AT.start + 5]
    liked = torch.where((left > right)[:, None], pairs, pairs.flip(1))
    assert told(features, labels(torch.zeros(0), liked)) == LEAST
    turned = torch.where((by_coin(0) > 0)[:, None], pairs, pairs.flip(1))
    assert told(features, labels(torch.zeros(0), turned)) > 4 * LEAST


def test_what_coins_say_is_matched_as_often_as_not() -> None:
    features = answers(32)
    shares = [told(features, labels(by_coin(seed))) for seed in range(6)]
    assert mean(shares) > 0.3
    assert sum(share <= 0.2 for share in shares) <= 2


def test_ratings_that_all_say_the_same_tell_nothing() -> None:
    features = answers(32)
    assert told(features, labels(torch.ones(32))) == 1


def test_what_counts_for_little_hides_no_taste() -> None:
    features = answers(128)
    kind = (features[:, AT.start + 5] > 0).float()
    said = labels(torch.where(torch.arange(128) < 64, kind, by_coin(0, 128)))
    weighed = replace(said, weights=torch.where(torch.arange(128) < 64, 1.0, 1e-3))
    assert told(features, weighed) == LEAST
