"""What is chosen by unseen conversations: penalty and loudness of a fit, and what calibrates it.

Folds hold whole conversations, so that nobody's view foretells itself. Knows features and what was
said of them, not the head that comes of it.

Shapes: N answers, F features, K folds.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from training.layout import layout
from training.ridge import STEPS, Labels, Space, losses, solve, turned

PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3)
"""Ridge penalties to choose from, on standardised features."""
LOUD = (None, "spelling", "lexicon")
"""The part of the kinds of tokens that may speak louder than words do, if any."""
KIND_GAIN = 8.0
"""How much louder."""
FOLDS = 5
SAMPLE = 1_024
"""Answers on which penalty and calibration are chosen; more make no difference to them."""


@dataclass(frozen=True)
class Choice:
    """What predicts unseen conversations best, how well (less is better), and what calibrates it."""

    loss: float
    penalty: float
    slope: float
    shift: float


def choose(plain_NF: Tensor, labels: Labels, wanted: list[bool]) -> tuple[str | None, Choice]:
    """Return which of `LOUD` should speak louder, and what is chosen with it."""
    few_NF, some = _sample(plain_NF, labels)
    found = []
    for loud in LOUD:
        gain_F = gains(few_NF.shape[1], loud)
        found.append((loud, _best(turned(few_NF * gain_F, wanted), some)))
    return min(found, key=lambda one: one[1].loss)


def gains(size: int, loud: str | None) -> Tensor:
    """Return how loud each of `size` features speaks, F, where one of `LOUD` does."""
    gain_F = torch.ones(size)
    if loud:
        gain_F[getattr(layout(size), loud)] = KIND_GAIN
    return gain_F


def _best(space: Space, labels: Labels) -> Choice:
    """Return the best ridge penalty, and what calibrates the logits it gives."""
    names = {name: place % FOLDS for place, name in enumerate(sorted(set(labels.groups)))}
    fold_N = torch.tensor([names[group] for group in labels.groups])
    inside_NK = (fold_N[:, None] != torch.arange(FOLDS)).float()
    best, logits_N = (math.inf, PENALTIES[0]), torch.zeros(len(fold_N))
    for penalty in PENALTIES:
        weight_FK, bias_K = solve(space, labels, penalty, inside_NK)
        unseen_N = ((space.plain_NF @ weight_FK + bias_K) * (1 - inside_NK)).sum(1)
        loss = float(losses(unseen_N[:, None], labels, torch.ones_like(unseen_N)[:, None]))
        if loss < best[0]:
            best, logits_N = (loss, penalty), unseen_N
    return Choice(*best, *_calibrate(logits_N[labels.rows], labels))


def _sample(plain_NF: Tensor, labels: Labels) -> tuple[Tensor, Labels]:
    """Return answers few enough to choose by, with what was said of them."""
    if len(plain_NF) <= SAMPLE:
        return plain_NF, labels
    keep_N = torch.zeros(len(plain_NF), dtype=torch.bool)
    keep_N[labels.rows[_some(len(labels.rows))]] = True
    keep_N[labels.pairs[_some(len(labels.pairs))].flatten()] = True
    rows, pairs = keep_N[labels.rows], keep_N[labels.pairs].all(1)
    place_N = keep_N.cumsum(0) - 1
    return plain_NF[keep_N], Labels(
        labels.targets[rows],
        labels.weights[rows],
        place_N[labels.rows[rows]],
        place_N[labels.pairs[pairs]],
        labels.pair_weights[pairs],
        [group for group, kept in zip(labels.groups, keep_N.tolist(), strict=True) if kept],
    )


def _some(number: int) -> Tensor:
    return torch.randperm(number, generator=torch.Generator().manual_seed(0))[: SAMPLE // 2]


def _calibrate(logits: Tensor, labels: Labels) -> tuple[float, float]:
    """Fit slope and shift to ratings that the logits weren't fitted to (Platt 1999)."""
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
