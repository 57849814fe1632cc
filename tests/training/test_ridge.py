import math

import pytest
import torch

from tests.training.labelled import FEATURES, drawn, labels
from training.ridge import Labels, losses, solve, space_of


def test_members_fitted_side_by_side_equal_each_fitted_alone() -> None:
    features, targets = drawn(30)
    given, factors = labels(targets), torch.rand(30, 3, generator=torch.Generator().manual_seed(2))
    space, gains = space_of(features, [True, True]), torch.rand(3, FEATURES) + 0.5
    weight, bias = solve(space, given, 0.1, factors, gains)
    for member in range(3):
        one = factors[:, member : member + 1]
        alone, level = solve(space, given, 0.1, one, gains[member : member + 1])
        assert torch.allclose(weight[:, member], alone[:, 0], atol=0.02)
        assert float(bias[member]) == pytest.approx(float(level[0]), abs=0.02)


def test_losses_equal_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 2, generator=generator)
    factors = torch.rand(4, 2, generator=generator)
    given = Labels(
        torch.tensor([1.0, 0.0]), torch.tensor([1.0, 0.5]), torch.tensor([0, 1]),
        torch.tensor([[2, 3]]), torch.tensor([0.4]), ["a", "b", "c", "c"],
    )  # fmt: skip
    found = losses(logits, given, factors)
    for k in range(2):
        z, f = logits[:, k].tolist(), factors[:, k].tolist()
        total = f[0] * (1 / (1 + math.exp(-z[0])) - 1) ** 2
        total += 0.5 * f[1] * (1 / (1 + math.exp(-z[1]))) ** 2
        total += 0.4 * f[2] * math.log1p(math.exp(z[3] - z[2]))
        assert float(found[k]) == pytest.approx(total / (f[0] + 0.5 * f[1] + 0.4 * f[2]), abs=1e-5)


def test_what_unwanted_forms_explain_is_taken_out_of_the_others() -> None:
    features, targets = drawn(12)
    features[:, 0] += 3 * features[:, -1]
    space = space_of(features - features.mean(0), [False, False])
    cleared = space.cleared(torch.arange(12))
    assert (cleared[:, :-2].T @ space.plain_NF[:, -2:]).abs().max() < 1e-3
    weight, _ = solve(space, labels(targets), 0.1, torch.ones(12, 1), torch.ones(1, FEATURES))
    assert (space.plain_NF @ weight)[:, 0].abs().max() > 0.1
    assert (weight[:, 0] @ space.plain_NF.T @ space.plain_NF[:, -2:]).abs().max() < 1e-2


def test_a_gain_makes_up_for_a_feature_that_is_hardly_heard() -> None:
    features, targets = drawn(30)
    softly, gain = features.clone(), torch.ones(1, FEATURES)
    softly[:, 0] /= 10
    space, soft = (space_of(some, [False, False]) for some in (features, softly))
    expected, _ = solve(space, labels(targets), 0.1, torch.ones(30, 1), gain)
    gain[0, 0] = 10
    found, _ = solve(soft, labels(targets), 0.1, torch.ones(30, 1), gain)
    assert float(found[0, 0]) == pytest.approx(10 * float(expected[0, 0]), rel=0.02)


def test_what_was_said_of_some_keeps_its_rows() -> None:
    given = labels(torch.tensor([1.0, 0.0, 1.0, 0.5]), torch.tensor([[0, 2], [1, 3]]))
    some = given.within(torch.tensor([True, False, True, True]))
    assert some.rows.tolist() == [0, 2, 3]
    assert some.targets.tolist() == [1.0, 1.0, 0.5]
    assert some.pairs.tolist() == [[0, 2]]
    assert (len(some.weights), len(some.pair_weights)) == (3, 1)
