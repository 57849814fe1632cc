"""What is chosen by unseen conversations: the penalty of a fit, and what calibrates it.

Folds hold whole conversations, so that nobody's view foretells itself. Knows features and what was
said of them, not the head that comes of it.

Shapes: N answers, F features, K folds.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from training.hidden import Shape, fit
from training.relevance import relevance
from training.ridge import STEPS, Labels, losses, space_of

PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3)
"""Ridge penalties to choose from, on standardised features."""
FOLDS = 5
SAMPLE = 1_024
"""Answers on which penalty and calibration are chosen; more make no difference to them."""


@dataclass(frozen=True)
class Choice:
    """The penalty that predicts unseen conversations best, and what calibrates its logits."""

    penalty: float
    slope: float
    shift: float


def choose(plain_NF: Tensor, labels: Labels, wanted: list[bool], units: int = 0) -> Choice:
    """Return what predicts best those conversations that neither weights nor gains were fitted to.

    Each fit has so many hidden `units`.
    """
    few_NF, some = _sample(plain_NF, labels)
    space = space_of(few_NF, wanted)
    inside_NK = folds(some.groups)
    gains = [relevance(space, some.within(inside_N)) for inside_N in inside_NK.T]
    shape = Shape(torch.stack(gains), units)
    best, logits_N = (math.inf, PENALTIES[-1]), torch.zeros(len(inside_NK))
    for penalty in reversed(PENALTIES):  # where nothing was left to foretell, the most careful
        network = fit(space, some, penalty, inside_NK.float(), shape)
        unseen_N = (network.logits(few_NF) * ~inside_NK).sum(1)
        loss = float(losses(unseen_N[:, None], some, torch.ones_like(unseen_N)[:, None]))
        if loss < best[0]:
            best, logits_N = (loss, penalty), unseen_N
    return Choice(best[1], *calibration(logits_N[some.rows], some))


def folds(groups: list[str]) -> Tensor:
    """Return for each row which of the folds it is fitted in, NK: all but one."""
    names = {name: place % FOLDS for place, name in enumerate(sorted(set(groups)))}
    fold_N = torch.tensor([names[group] for group in groups])
    return fold_N[:, None] != torch.arange(FOLDS)


def _sample(plain_NF: Tensor, labels: Labels) -> tuple[Tensor, Labels]:
    """Return answers few enough to choose by, with what was said of them."""
    if len(plain_NF) <= SAMPLE:
        return plain_NF, labels
    keep_N = torch.zeros(len(plain_NF), dtype=torch.bool)
    keep_N[labels.rows[_some(len(labels.rows))]] = True
    keep_N[labels.pairs[_some(len(labels.pairs))].flatten()] = True
    kept, place_N = labels.within(keep_N), keep_N.cumsum(0) - 1
    return plain_NF[keep_N], replace(
        kept,
        rows=place_N[kept.rows],
        pairs=place_N[kept.pairs],
        groups=[group for group, keep in zip(labels.groups, keep_N.tolist(), strict=True) if keep],
    )


def _some(number: int) -> Tensor:
    return torch.randperm(number, generator=torch.Generator().manual_seed(0))[: SAMPLE // 2]


def calibration(logits: Tensor, labels: Labels) -> tuple[float, float]:
    """Return slope and shift for logits of rated answers that weren't fitted to them (Platt 1999)."""
    if not len(logits):
        return 1.0, 0.0
    line = torch.zeros(2, requires_grad=True)  # the logarithm of the slope, and the shift
    optimiser = torch.optim.LBFGS([line], max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        losses = binary_cross_entropy_with_logits(
            logits * line[0].exp() + line[1],
            labels.targets.to(logits),
            labels.weights,
            reduction="sum",
        )
        loss = losses + line.square().sum()  # few ratings don't say much against 1 and 0
        loss.backward()
        return loss

    optimiser.step(closure)
    log_slope, shift = line.detach().tolist()
    return math.exp(log_slope), shift
