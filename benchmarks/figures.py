"""Figures beside what is required of them, and the table of them. Knows not how they came about."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One figure; `value` is None where this machine can't tell."""

    name: str
    value: float | None
    bound: float
    at_most: bool = False
    unit: str = ""

    @property
    def verdict(self) -> str:
        """Whether the figure is as required."""
        if self.value is None:
            return "unknown"
        met = self.value <= self.bound if self.at_most else self.value >= self.bound
        return "met" if met else "MISSED"

    @property
    def row(self) -> tuple[str, str, str, str]:
        """Name, value, requirement, verdict."""
        value = "-" if self.value is None else f"{self.value:.3g}{self.unit}"
        if self.value is not None and abs(self.value) >= 1000:
            value = f"{self.value:.0f}{self.unit}"
        sign = "≤" if self.at_most else "≥"
        return self.name, value, f"{sign} {self.bound:g}{self.unit}", self.verdict


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as aligned lines."""
    rows = [("figure", "measured", "required", ""), *(figure.row for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = (
        f"{name:<{widths[0]}}  {value:>{widths[1]}}  {bound:>{widths[2]}}  {verdict}"
        for name, value, bound, verdict in rows
    )
    return "\n".join(line.rstrip() for line in lines) + "\n"
