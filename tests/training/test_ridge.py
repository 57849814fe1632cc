import math

import pytest
import torch

from tests.training.labelled import FEATURES, drawn, labels
from training.ridge import FORM_GAIN, Labels, Space, losses, solve, turned


def test_members_fitted_side_by_side_equal_each_fitted_alone() -> None:
    features, targets = drawn(30)
    given, factors = labels(targets), torch.rand(30, 3, generator=torch.Generator().manual_seed(2))
    space = Space(features, torch.eye(FEATURES))
    weight, bias = solve(space, given, 0.1, factors)
    for member in range(3):
        one = factors[:, member : member + 1]
        alone, level = solve(space, given, 0.1, one)
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


def test_turning_features_changes_no_weight() -> None:
    features, targets = drawn(12)  # fewer answers than features
    space = turned(features, [True, True])
    assert space.back_FR.shape == (FEATURES, 12)
    straight = torch.eye(FEATURES) / math.sqrt(FEATURES)
    straight[-2:, -2:] *= FORM_GAIN
    ones = torch.ones(12, 1)
    found, _ = solve(space, labels(targets), 0.1, ones)
    expected, _ = solve(Space(features, straight), labels(targets), 0.1, ones)
    assert torch.allclose(found, expected, atol=0.02)
