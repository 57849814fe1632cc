"""A few hidden units beside the reward head's linear map: what an answer's features mean together.

Each member of the head has units of its own. A unit looks at the same features through weights of its
own, bends what it sees by tanh, and an average answer gets nothing from it:
logit = w·x + b + sum of v (tanh(u·x + c) - tanh(c)). So with v = 0 the head is the linear one, and the
penalty that holds w holds u and v too. Knows features, not what they are read off.

Shapes: N answers, F features, K members, U units of each.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import linear

from training.ridge import STEPS, Labels, Space, losses, solve

UNITS = 8
NEAR = 1e-3
"""Sums closer to 0 than this have the curve's slope there: the difference would be lost in rounding."""


@dataclass(frozen=True)
class Hidden:
    """The units of all members."""

    inner_KUF: Tensor
    bias_KU: Tensor
    outer_KU: Tensor

    def terms(self, plain_NF: Tensor) -> Tensor:
        """Return what the units add to each member's logit of each answer, NK."""
        bent_NKU = torch.tanh(self._seen(plain_NF) + self.bias_KU) - torch.tanh(self.bias_KU)
        return (bent_NKU * self.outer_KU).sum(2)

    def weights(self, plain_NF: Tensor) -> Tensor:
        """Return for each answer the weights of a linear map that adds just as much, NFK.

        A unit's rise from an average answer to this one is split as the sum that it sees is. These
        are integrated gradients (Sundararajan et al. 2017, arXiv:1703.01365) in closed form.
        """
        seen_NKU, start_KU = self._seen(plain_NF), torch.tanh(self.bias_KU)
        near_NKU = seen_NKU.abs() < NEAR
        rise_NKU = (torch.tanh(seen_NKU + self.bias_KU) - start_KU) / seen_NKU.masked_fill(
            near_NKU, 1.0
        )
        rise_NKU = torch.where(near_NKU, 1 - start_KU.square(), rise_NKU)
        return torch.einsum("nku,ku,kuf->nfk", rise_NKU, self.outer_KU, self.inner_KUF)

    def louder(self, slope: float) -> "Hidden":
        """Return units that add `slope` times as much."""
        return replace(self, outer_KU=self.outer_KU * slope)

    def _seen(self, plain_NF: Tensor) -> Tensor:
        members, units, size = self.inner_KUF.shape
        return linear(plain_NF, self.inner_KUF.view(-1, size)).view(-1, members, units)


@dataclass(frozen=True)
class Network:
    """A linear map and, where there are any, units beside it, on standardised features."""

    weight_FK: Tensor
    bias_K: Tensor
    hidden: Hidden | None

    def logits(self, plain_NF: Tensor) -> Tensor:
        """Return each member's logit of each answer, NK."""
        linear_NK = plain_NF @ self.weight_FK + self.bias_K
        return linear_NK + self.hidden.terms(plain_NF) if self.hidden else linear_NK


@dataclass(frozen=True)
class Shape:
    """What a network is made of, before anything was said."""

    gain_KF: Tensor
    """How loud each feature speaks to each member, besides the space's own gains."""
    units: int = 0


def fit(space: Space, labels: Labels, penalty: float, factors_NK: Tensor, shape: Shape) -> Network:
    """Fit K networks side by side: the linear map first, then units to what it leaves unexplained."""
    weight_FK, bias_K = solve(space, labels, penalty, factors_NK, shape.gain_KF)
    alone = Network(weight_FK, bias_K, None)
    if not shape.units:
        return alone
    start_NK = alone.logits(space.plain_NF)
    gain_KUF = (shape.gain_KF * space.gain_F)[:, None]
    units = _drawn(len(bias_K), shape.units, gain_KUF.shape[2])
    told = len(labels.rows) + 2 * len(labels.pairs)
    optimiser = torch.optim.LBFGS(units, max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        logits_NK = start_NK + _told_back(space, gain_KUF, units).terms(space.plain_NF)
        size = sum(unit.square().sum() for unit in units)
        loss: Tensor = losses(logits_NK, labels, factors_NK).sum() + penalty * size / told
        loss.backward()
        return loss

    optimiser.step(closure)
    return replace(alone, hidden=_told_back(space, gain_KUF, [unit.detach() for unit in units]))


def _told_back(space: Space, gain_KUF: Tensor, units: list[Tensor]) -> Hidden:
    """Return units that see plain features as `units` see those of the space."""
    inner_KUF, bias_KU, outer_KU = units
    plain_KUF = space.told_back((inner_KUF * gain_KUF).flatten(0, 1)).view_as(inner_KUF)
    return Hidden(plain_KUF, bias_KU, outer_KU)


def _drawn(members: int, units: int, size: int) -> list[Tensor]:
    """Return inner weights, biases and outer weights to begin with: the units see, and say nothing."""
    chance = torch.Generator().manual_seed(0)
    inner_KUF = torch.randn(members, units, size, generator=chance)
    bias_KU = torch.randn(members, units, generator=chance)
    begun = [inner_KUF, bias_KU, torch.zeros(members, units)]
    return [one.requires_grad_() for one in begun]
