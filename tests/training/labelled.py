"""Features drawn by chance, and what was said of them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from training.feature_cache import FeatureCache, Item
from training.form import FORMS
from training.kinds import KINDS
from training.prompts import Answer, Turn
from training.ridge import Labels
from training.targets import Place, Rated

WIDTH = 7
FEATURES = 2 * WIDTH + len(KINDS) + len(FORMS)


def labels(targets: Tensor, pairs: Tensor | None = None) -> Labels:
    rows = len(targets)
    couples = torch.zeros(0, 2, dtype=torch.long) if pairs is None else pairs
    total = max(rows, int(couples.max()) + 1 if len(couples) else 0)
    return Labels(
        targets=targets,
        weights=torch.ones(rows),
        rows=torch.arange(rows),
        pairs=couples,
        pair_weights=torch.ones(len(couples)),
        groups=[f"c{i}" for i in range(total)],
    )


def drawn(number: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Features of which one direction decides what is liked, and without any kind of token."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(number, 2 * WIDTH + len(FORMS), generator=generator)
    states, forms = drawn.split([2 * WIDTH, len(FORMS)], 1)
    features = torch.cat([states, torch.zeros(number, len(KINDS)), forms], 1)
    return features, (features[:, 0] > 0).float()


class Drawn(FeatureCache):
    """Features by the number that an answer is."""

    def __init__(self, features: Tensor) -> None:
        self._features = features

    def features(self, items: Sequence[Item]) -> Tensor:
        return self.glance(items)

    def glance(self, items: Sequence[Item]) -> Tensor:
        return self._features[[int(answer.text) for _, answer in items]]


def rated(number: int, target: float, place: Place) -> Rated:
    turns: list[Turn] = [{"role": "user", "content": "why?"}]
    return Rated(turns, Answer(str(number)), target, 1.0, place, "rating")
