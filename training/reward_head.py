"""The reward head: how much people would like an answer, from 0 to 1.

A linear map on means of the frozen base's hidden states over the answer (read after the prompt),
squashed to 0..1: r = sigmoid(w·phi + b). Ratings pull by squared error, pairs by the
Bradley-Terry likelihood (Bradley and Terry 1952; Stiennon et al. 2020, arXiv:2009.01325).
Knows features and targets, not where either comes from.

Departure from the source article: the score is squashed, because an unbounded one ran to 2.25 on
its 0..1 scale under PPO while the true score fell to 0.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3)
"""Ridge penalties to choose from, on standardised features."""
FOLDS = 5
STEPS = 60
TINY = 1e-6


@dataclass(frozen=True)
class Labels:
    """Targets 0..1 for rows of a feature matrix, and pairs of row numbers (chosen, rejected).

    `groups` names each row's conversation: cross-validation never splits one.
    """

    targets: Tensor  # one for each rated row
    weights: Tensor
    rows: Tensor
    pairs: Tensor  # P x 2
    pair_weights: Tensor
    groups: list[str]  # one for each feature row


@dataclass(frozen=True)
class RewardHead:
    """A fitted head. `weight` and `bias` act on standardised features."""

    mean: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor
    penalty: float

    def logit(self, features: Tensor) -> Tensor:
        """Return the unsquashed score of feature rows ND."""
        return ((features.float() - self.mean) / self.scale) @ self.weight + self.bias

    def score(self, features: Tensor) -> Tensor:
        """Return scores in 0..1 of feature rows ND."""
        return torch.sigmoid(self.logit(features))

    def shares(self, features_BTF: Tensor, mask_BT: Tensor) -> Tensor:
        """Return what each token adds to its answer's score, BT; they sum to the score exactly.

        The logit is linear in a mean over tokens, so it is a sum over tokens. The squashed score
        is split in the same proportions.
        """
        length_B = mask_BT.sum(1).clamp_min(1)
        terms_BT = (self.logit(features_BTF) - self.bias) * mask_BT / length_B[:, None]
        total_B, start = terms_BT.sum(1), torch.sigmoid(self.bias)
        slope_B = (torch.sigmoid(total_B + self.bias) - start) / _apart_from_0(total_B)
        return terms_BT * slope_B[:, None] + mask_BT * (start / length_B)[:, None]


def _apart_from_0(values: Tensor) -> Tensor:
    return torch.where(values.abs() < TINY, torch.full_like(values, TINY), values)


def fit(features: Tensor, labels: Labels) -> RewardHead:
    """Fit a head; the ridge penalty is the one that predicts unseen conversations best."""
    losses = {penalty: _unseen_loss(features, labels, penalty) for penalty in PENALTIES}
    return _solve(features, labels, min(losses, key=lambda p: losses[p]))


def _solve(features: Tensor, labels: Labels, penalty: float) -> RewardHead:
    mean, scale = features.mean(0), features.std(0).clamp_min(1e-6)
    x = (features - mean) / scale / math.sqrt(features.shape[1])
    weight = torch.zeros(x.shape[1], requires_grad=True)
    bias = torch.zeros((), requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = _loss(x @ weight + bias, labels) + penalty * weight.square().sum() / len(x)
        loss.backward()
        return loss

    optimiser.step(closure)
    root = math.sqrt(features.shape[1])
    return RewardHead(mean, scale, weight.detach() / root, bias.detach(), penalty)


def _loss(logits: Tensor, labels: Labels) -> Tensor:
    """Weighted mean of squared errors of ratings and Bradley-Terry losses of pairs."""
    errors = (torch.sigmoid(logits[labels.rows]) - labels.targets).square() * labels.weights
    margins = logits[labels.pairs[:, 0]] - logits[labels.pairs[:, 1]]
    bradley_terry = -logsigmoid(margins) * labels.pair_weights
    total = labels.weights.sum() + labels.pair_weights.sum()
    return (errors.sum() + bradley_terry.sum()) / total.clamp_min(1e-6)


def _unseen_loss(features: Tensor, labels: Labels, penalty: float) -> float:
    """Cross-validate by conversation."""
    names = sorted(set(labels.groups))
    fold_of = {name: place % FOLDS for place, name in enumerate(names)}
    folds = torch.tensor([fold_of[g] for g in labels.groups])
    total = 0.0
    for fold in range(min(FOLDS, len(names))):
        train, test = _part(labels, folds != fold), _part(labels, folds == fold)
        if not len(train.rows) + len(train.pairs) or not len(test.rows) + len(test.pairs):
            continue
        head = _solve(features, train, penalty)
        share = test.weights.sum() + test.pair_weights.sum()
        total += float(_loss(head.logit(features), test) * share)
    return total


def _part(labels: Labels, keep: Tensor) -> Labels:
    """Return the labels whose rows are all kept."""
    rows, pairs = keep[labels.rows], keep[labels.pairs].all(1)
    return Labels(
        labels.targets[rows],
        labels.weights[rows],
        labels.rows[rows],
        labels.pairs[pairs],
        labels.pair_weights[pairs],
        labels.groups,
    )


def evaluate(
    score: Callable[[Tensor], Tensor], features: Tensor, labels: Labels
) -> dict[str, float | int | None]:
    """Return accuracy, precision, recall, F1 and AUC on held-out labels, at a threshold of 0.5.

    None where a figure has no meaning: precision without a predicted like, AUC without both kinds.
    """
    scores = score(features)
    liked = labels.targets >= 0.5
    said = scores[labels.rows] >= 0.5
    hits = int((liked & said).sum())
    right = int((liked == said).sum())
    precision = _share(hits, int(said.sum()))
    recall = _share(hits, int(liked.sum()))
    pairs = scores[labels.pairs]
    return {
        "ratings": len(liked),
        "pairs": len(pairs),
        "accuracy": _share(right, len(liked)),
        "precision": precision,
        "recall": recall,
        "f1": _f1(precision, recall),
        "auc": auc(scores[labels.rows], liked),
        "pair_accuracy": _share(int((pairs[:, 0] > pairs[:, 1]).sum()), len(pairs)),
    }


def auc(scores: Tensor, liked: Tensor) -> float | None:
    """Return how often a liked answer outscores a disliked one; ties count half."""
    good, bad = scores[liked], scores[~liked]
    if not len(good) or not len(bad):
        return None
    gap = good[:, None] - bad[None, :]
    return float(((gap > 0).float() + 0.5 * (gap == 0).float()).mean())


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _f1(precision: float | None, recall: float | None) -> float | None:
    if precision is None or recall is None:
        return None
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
