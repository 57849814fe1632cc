"""How well scores foretell likes: the AUC with its interval, and the reliability curve.

Pure: knows scores, likes and whose they are, not what the scores are made of.
"""

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

Z = 1.645
"""Standard deviations that hold 90% of a normal distribution."""
ENOUGH = 20
"""Likes, dislikes, and people (or conversations) below which no score is trusted: from few clusters a
variance comes out too small (Cameron, Gelbach and Miller 2008), and every cycle looks again."""
AUC, CHANCE = 0.6, 0.5
"""What the AUC must be above, and what its interval must be above."""
BINS, IN_BIN = 5, 10
"""How many bins there are at most, and how many answers are in one at least."""


@dataclass(frozen=True)
class Foretold:
    """One rated answer with the score it got unseen. Answers of one `unit` aren't independent."""

    score: float
    chance: float  # that it is liked, 0..1
    liked: bool
    unit: str


@dataclass(frozen=True)
class Bin:
    """Answers whose chances are close: how many were foretold to be liked, and how many were."""

    ratings: int
    foretold: float  # mean chance
    liked: float  # share


@dataclass(frozen=True)
class Calibration:
    """How scores did against thumbs. The AUC and its 90% interval need both kinds of thumbs."""

    likes: int
    dislikes: int
    units: int
    auc: float | None = None
    low: float | None = None
    high: float | None = None
    bins: tuple[Bin, ...] = ()

    @property
    def trusted(self) -> bool:
        """Whether the scores surely say something."""
        if self.auc is None or self.low is None:
            return False
        enough = min(self.likes, self.dislikes, self.units) >= ENOUGH
        return enough and self.auc > AUC and self.low > CHANCE

    def as_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        bins = [asdict(one) for one in self.bins]
        return asdict(self) | {"bins": bins, "trusted": self.trusted}


def calibrate(found: Sequence[Foretold]) -> Calibration:
    """Hold scores against likes."""
    likes = sum(one.liked for one in found)
    units = len({one.unit for one in found})
    known = Calibration(likes, len(found) - likes, units, bins=_bins(found))
    if not known.likes or not known.dislikes or units < 2:
        return known
    auc, deviation = clustered_auc(found)
    low, high = max(0.0, auc - Z * deviation), min(1.0, auc + Z * deviation)
    return Calibration(likes, known.dislikes, units, auc, low, high, known.bins)


def clustered_auc(found: Sequence[Foretold]) -> tuple[float, float]:
    """Return the AUC, ties counting half, and its standard deviation.

    DeLong's variance with the parts of one unit summed before they are squared (Obuchowski 1997,
    Biometrics 53:567), so that one person with many thumbs is one person. Unlike a bootstrap it
    needs no seed, and no pair of thumbs is visited.
    """
    good = sorted(one.score for one in found if one.liked)
    bad = sorted(one.score for one in found if not one.liked)
    auc = sum(_below(bad, score) for score in good) / len(good)
    pull: dict[str, float] = defaultdict(float)
    for one in found:
        if one.liked:
            pull[one.unit] += (_below(bad, one.score) - auc) / len(good)
        else:
            pull[one.unit] += (1 - _below(good, one.score) - auc) / len(bad)
    variance = sum(p * p for p in pull.values()) * len(pull) / (len(pull) - 1)
    return auc, math.sqrt(variance)


def _below(ordered: Sequence[float], score: float) -> float:
    """Return the share of ordered scores below this one; ties count half."""
    return (bisect_left(ordered, score) + bisect_right(ordered, score)) / 2 / len(ordered)


def _bins(found: Sequence[Foretold]) -> tuple[Bin, ...]:
    """Cut into bins of the same size by chance; fewer bins, if few answers are rated."""
    ordered = sorted(found, key=lambda one: one.chance)
    number = min(BINS, len(ordered) // IN_BIN)
    edges = [len(ordered) * place // max(number, 1) for place in range(number + 1)]
    parts = [ordered[start:end] for start, end in pairwise(edges)]
    return tuple(
        Bin(len(p), sum(o.chance for o in p) / len(p), sum(o.liked for o in p) / len(p))
        for p in parts
    )
