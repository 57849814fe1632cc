from dataclasses import replace
from statistics import mean

import pytest
import torch

from tests.training.labelled import FEATURES, drawn, labels
from training import relevance, reward_head
from training.chance import DEALS, chance
from training.kinds import KINDS
from training.layout import layout
from training.ridge import Labels, Space

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


def test_of_many_ratings_each_deal_has_the_same_ones_with_their_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relevance, "MANY", 20)
    asked: list[list[tuple[float, float]]] = []

    def spy(space: Space, labels: Labels) -> float:
        _, worth, doubt = relevance._observed(space, labels)
        asked.append(sorted(zip(worth.tolist(), doubt.tolist(), strict=True)))
        return 0.0

    monkeypatch.setattr("training.chance.evidence", spy)
    said = replace(labels(by_coin(0, 64)), weights=torch.arange(1.0, 65.0))
    assert told(answers(64), said) == 1
    assert asked == [asked[0]] * (1 + DEALS)
    assert len(asked[0]) == 20


def test_what_coins_say_is_matched_as_often_as_not() -> None:
    features = answers(32)
    shares = [told(features, labels(by_coin(seed))) for seed in range(6)]
    assert mean(shares) > 0.3
    assert sum(share <= 0.2 for share in shares) <= 2


def test_ratings_that_all_say_the_same_tell_nothing() -> None:
    features = answers(32)
    assert told(features, labels(torch.ones(32))) == 1
