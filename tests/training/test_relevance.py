import math
from dataclasses import replace

import pytest
import torch

from tests.training.labelled import FEATURES, drawn, labels
from training import relevance as told
from training.kinds import KINDS
from training.layout import layout
from training.relevance import relevance
from training.ridge import Space, space_of

AT = layout(FEATURES)
FIRST = AT.kinds.start


def by_chance(number: int) -> Space:
    """Answers of which each has some of every kind of token."""
    features, _ = drawn(number)
    generator = torch.Generator().manual_seed(2)
    features[:, AT.kinds] = torch.randn(number, len(KINDS), generator=generator)
    return space_of(features, [False, False])


def test_the_kind_that_ratings_go_by_speaks_louder_than_any_other() -> None:
    space = by_chance(32)
    for place in (FIRST, FIRST + 20):
        gain = relevance(space, labels((space.plain_NF[:, place] > 0).float()))
        assert int(gain.argmax()) == place
        assert float(gain[place]) > 3


def test_pairs_tell_it_too() -> None:
    space = by_chance(80)
    left, right = space.plain_NF[0::2, FIRST + 7], space.plain_NF[1::2, FIRST + 7]
    pairs = torch.arange(80).reshape(-1, 2)
    pairs = torch.where((left > right)[:, None], pairs, pairs.flip(1))
    gain = relevance(space, labels(torch.zeros(0), pairs))
    assert int(gain.argmax()) == FIRST + 7
    assert float(gain[FIRST + 7]) > 3


def test_only_kinds_of_tokens_have_gains_and_nothing_said_leaves_them_alone() -> None:
    space = by_chance(32)
    gain = relevance(space, labels((space.plain_NF[:, 0] > 0).float()))
    gain[AT.kinds] = 1
    assert gain.tolist() == [1.0] * FEATURES
    assert relevance(space, labels(torch.zeros(0))).tolist() == [1.0] * FEATURES


def test_what_counts_for_little_moves_no_gain_by_much() -> None:
    space = by_chance(64)
    one, other = ((space.plain_NF[:, FIRST + place] > 0).float() for place in (3, 8))
    liked = torch.where(torch.arange(64) < 32, one, other)
    weights = torch.where(torch.arange(64) < 32, 1.0, 0.001)
    found = relevance(space, replace(labels(liked), weights=weights))
    assert int(found.argmax()) == FIRST + 3
    assert float(found[FIRST + 8]) < 1.5
    assert float(relevance(space, labels(liked))[FIRST + 8]) > 2


def test_gains_are_those_of_the_highest_posterior(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told, "STEPS", 300)
    generator = torch.Generator().manual_seed(0)
    kinds = torch.randn(12, 2, generator=generator).double()
    worth = kinds[:, 0].sign() / 2
    doubt = torch.rand(12, generator=generator).double() + 0.5
    others = torch.eye(12).double() * 0.1
    found, likely = told._likeliest(kinds, others, worth, doubt)

    def posterior(gain: list[float], variance: float, noise: float) -> float:
        covariance = torch.zeros(12, 12).double()
        for i in range(12):
            for j in range(12):
                alike = sum(gain[c] ** 2 * float(kinds[i, c] * kinds[j, c]) for c in range(2))
                covariance[i, j] = variance * (alike + float(others[i, j]))
            covariance[i, i] += told.NOISE * noise * float(doubt[i]) + told.JITTER
        normal = torch.distributions.MultivariateNormal(torch.zeros(12).double(), covariance)
        logs = [
            told.FAR * math.atanh(math.log(value) / told.FAR) for value in (*gain, variance, noise)
        ]
        spreads = (told.SPREAD, told.SPREAD, told.WIDE, told.WIDE)
        prior = sum((one / spread) ** 2 / 2 for one, spread in zip(logs, spreads, strict=True))
        return float(normal.log_prob(worth)) - prior

    levels = [math.exp(one / 2) for one in range(-6, 7)]
    variance, noise = max(
        ((v, n) for v in levels for n in levels), key=lambda one: posterior(found.tolist(), *one)
    )
    best = posterior(found.tolist(), variance, noise)
    assert (
        0 <= likely - (best + 12 / 2 * math.log(2 * math.pi)) < 0.2
    )  # variance and noise are a grid's
    for place in range(2):
        for factor in (0.5, 2.0):
            other = found.tolist()
            other[place] *= factor
            assert posterior(other, variance, noise) < best
