"""A share with its interval: how many of some, and how far the truth may lie from that. Pure."""

import math
from dataclasses import dataclass

from training.calibration import Z


@dataclass(frozen=True)
class Share:
    """`part` of `whole`; of nothing there is no share, and its interval is everything."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """Return the share itself."""
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> tuple[float, float]:
        """Return Wilson's 90% score interval (JASA 22, 1927), which holds for few and for all alike."""
        if not self.whole:
            return 0.0, 1.0
        share, weight = self.part / self.whole, Z * Z / self.whole
        middle = (share + weight / 2) / (1 + weight)
        spread = math.sqrt(share * (1 - share) * weight + weight * weight / 4) / (1 + weight)
        return max(0.0, middle - spread), min(1.0, middle + spread)

    def __str__(self) -> str:
        if self.value is None:
            return "not rated yet"
        low, high = self.interval
        return f"{self.value:.0%} ({low:.0%} to {high:.0%}) of {self.whole:,}"
