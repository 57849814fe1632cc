"""How well scores tell what people liked: figures on answers that nothing was fitted to.

Knows scores and labels, not what gave them.
"""

from collections.abc import Callable

from torch import Tensor

from training.ridge import Labels


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
