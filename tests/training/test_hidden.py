import math

import pytest
import torch
from torch import Tensor

from tests.training.labelled import FEATURES, drawn, labels
from training.form import FORMS
from training.hidden import NEAR, UNITS, Hidden, Shape, fit
from training.rankings import auc
from training.reward_head import RewardHead
from training.reward_head import fit as fit_head
from training.ridge import by_conversation, space_of

MEMBERS = 3


def units(members: int = 2, number: int = 3, size: int = 5) -> Hidden:
    chance = torch.Generator().manual_seed(0)
    return Hidden(
        torch.randn(members, number, size, generator=chance),
        torch.randn(members, number, generator=chance),
        torch.randn(members, number, generator=chance),
    )


def extremes(number: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Features of which one decides by how far from average it is: no linear map can tell."""
    features, _ = drawn(number, seed)
    return features, (features[:, 0].abs() > 0.67).float()


def test_units_add_what_a_loop_over_them_adds() -> None:
    hidden, plain = units(), torch.randn(4, 5, generator=torch.Generator().manual_seed(1))
    found = hidden.terms(plain)
    for n in range(4):
        for k in range(2):
            told = 0.0
            for u in range(3):
                seen = sum(float(plain[n, f] * hidden.inner_KUF[k, u, f]) for f in range(5))
                start = float(hidden.bias_KU[k, u])
                told += float(hidden.outer_KU[k, u]) * (math.tanh(seen + start) - math.tanh(start))
            assert float(found[n, k]) == pytest.approx(told, abs=1e-5)


def test_the_linear_map_of_an_answer_adds_exactly_what_the_units_do() -> None:
    hidden, plain = units(), torch.randn(4, 5, generator=torch.Generator().manual_seed(1))
    linear = torch.einsum("nf,nfk->nk", plain, hidden.weights(plain))
    assert torch.allclose(linear, hidden.terms(plain), atol=1e-5)


def test_about_an_average_answer_the_map_is_the_units_slope() -> None:
    hidden = units()
    plain = torch.zeros(1, 5, requires_grad=True)
    for k in range(2):
        (slope,) = torch.autograd.grad(hidden.terms(plain)[0, k], plain)
        near = torch.full((1, 5), NEAR / 100)
        assert torch.allclose(hidden.weights(near)[0, :, k], slope[0], atol=1e-4)
    assert not hidden.terms(plain).any()


def test_units_learn_what_no_linear_map_can() -> None:
    features, liked = extremes(300)
    unseen, truth = extremes(200, seed=1)
    found = [
        auc(fit_head(features, labels(liked), units=number).score(unseen), truth > 0.5)
        for number in (0, UNITS)
    ]
    linear, bent = found
    assert linear is not None
    assert bent is not None
    assert linear < 0.65
    assert bent > 0.8


def test_units_forget_nothing_that_the_linear_map_knows() -> None:
    features, liked = drawn(100)
    unseen, truth = drawn(100, seed=1)
    found = auc(fit_head(features, labels(liked), units=UNITS).score(unseen), truth > 0.5)
    assert found is not None
    assert found > 0.95


def test_a_form_that_nobody_wants_is_hidden_from_the_units() -> None:
    features, liked = extremes(100)
    features[:, -2] = features[:, 0]  # length, which follows what is liked
    space = space_of(features, [False] * len(FORMS))
    shape = Shape(torch.ones(MEMBERS, FEATURES), units=4)
    factors = by_conversation([str(i) for i in range(100)], MEMBERS)
    network = fit(space, labels(liked), 0.01, factors, shape)
    assert network.hidden is not None
    moved = features.clone()
    moved[:, : -len(FORMS)] += space.explained_SF[-2, : -len(FORMS)]
    moved[:, -2] += 1.0
    assert torch.allclose(network.hidden.terms(moved), network.hidden.terms(features), atol=1e-4)


def test_tokens_share_out_what_units_add_and_leave_nothing() -> None:
    chance = torch.Generator().manual_seed(2)
    tokens, mask = torch.randn(3, 6, 4, generator=chance), torch.ones(3, 6).bool()
    weight, bias = torch.randn(4, 2, generator=chance), torch.tensor([0.3, -0.2])
    head = RewardHead(torch.zeros(4), torch.ones(4), weight, bias, hidden=units(size=4))
    features = tokens.mean(1)
    told = head.told(features, tokens, mask).sum(1)
    rise = (head.members(features) - bias.sigmoid()).mean(1)
    assert torch.allclose(told, rise, atol=1e-5)
    assert torch.allclose(
        head.shares(features, tokens, mask).sum(1), head.score(features), atol=1e-5
    )
