"""A reward head of one person: everyone else's, moved as far as that person's own ratings show.

A few ratings fit no head, but they can tell where somebody differs from a head that many have fitted:
ridge towards its weights, which is a Gaussian prior around what people share (Evgeniou and Pontil
2004, doi:10.1145/1014052.1014067). Where the moved head foretells that person's other ratings no better,
the shared one stays. Knows no person and no answer.

Shapes: N answers, F features, K folds.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from training.form import FORMS
from training.relevance import relevance
from training.reward_head import RewardHead
from training.ridge import Labels, Space, losses, solve, space_of
from training.selection import PENALTIES, calibration, folds


@dataclass(frozen=True)
class Personal:
    """The head, and how each answer scores by one that wasn't fitted to its conversation."""

    head: RewardHead
    moved_F: Tensor
    """What was added to the shared weights; all 0 where nothing foretells better."""
    unseen_N: Tensor


def adapt(shared: RewardHead, features_NF: Tensor, labels: Labels) -> Personal:
    """Move a head that was fitted to other people's ratings by those of one person.

    It is calibrated to that person first: a head that is too sure leaves them nothing to say.
    """
    logits_N = shared.logits(features_NF).mean(1)
    space = space_of(shared.plain(features_NF), [name in shared.wanted for name in FORMS])
    inside_NK = folds(labels.groups)
    views = [_view(space, logits_N, labels.within(inside_N)) for inside_N in inside_NK.T]
    start_NK = torch.stack([view.start_N for view in views], 1)
    gain_KF = torch.stack([view.gain_F for view in views])

    def unseen(added_NK: Tensor) -> Tensor:
        return ((start_NK + added_NK) * ~inside_NK).sum(1)

    best_N, penalty = unseen(torch.zeros_like(start_NK)), math.inf
    for tried in PENALTIES:
        moved_FK, bias_K = solve(space, labels, tried, inside_NK.float(), gain_KF, start_NK)
        found_N = unseen(space.plain_NF @ moved_FK + bias_K)
        if _loss(found_N, labels) < _loss(best_N, labels):
            best_N, penalty = found_N, tried
    view = _view(space, logits_N, labels)
    moved_F1, bias_1 = torch.zeros(len(view.gain_F), 1), torch.zeros(1)
    if math.isfinite(penalty):
        all_N1 = torch.ones(len(features_NF), 1)
        moved_F1, bias_1 = solve(
            space, labels, penalty, all_N1, view.gain_F[None], view.start_N[:, None]
        )
    head = replace(
        shared,
        weight_FK=shared.weight_FK * view.slope + moved_F1,
        bias_K=shared.bias_K * view.slope + view.shift + bias_1,
        hidden=shared.hidden.louder(view.slope) if shared.hidden else None,
    )
    return Personal(head, moved_F1[:, 0], best_N.sigmoid())


@dataclass(frozen=True)
class _View:
    """Where some of a person's ratings start from: the shared logits as they fit these, and gains."""

    slope: float
    shift: float
    start_N: Tensor
    gain_F: Tensor


def _view(space: Space, logits_N: Tensor, labels: Labels) -> _View:
    slope, shift = calibration(logits_N[labels.rows], labels)
    start_N = logits_N * slope + shift
    surprise = labels.targets - start_N[labels.rows].sigmoid()
    return _View(slope, shift, start_N, relevance(space, replace(labels, targets=surprise)))


def _loss(logits_N: Tensor, labels: Labels) -> float:
    return float(losses(logits_N[:, None], labels, torch.ones(len(logits_N), 1)))
