"""How surely one version's answers beat another's to the same questions. Pure: knows only numbers."""

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import mean

Z = 1.645
"""Standard deviations that hold 90% of a normal distribution."""
FEWEST = 3
"""Questions below which nothing is sure."""
TINY = 1e-12


def wins(candidate: Sequence[float], served: Sequence[float], asked: Sequence[int]) -> list[float]:
    """Return for each answer the share of the served version's to that question that it beats.

    Ties count half. Beside all of them instead of one by its side, as few answers tell more
    (Mann and Whitney 1947, Annals of Mathematical Statistics 18:50).
    """
    by_question: dict[int, list[float]] = defaultdict(list)
    for score, question in zip(served, asked, strict=True):
        by_question[question].append(score)
    return [
        mean((own > other) + 0.5 * (own == other) for other in by_question[question])
        for own, question in zip(candidate, asked, strict=True)
    ]


def surely_won(won: Sequence[float], asked: Sequence[int]) -> float:
    """Return the lower end of the 90% interval of a share of wins, over questions.

    As many independent answers would tell as much as have the share's variance over questions
    (Korn and Graubard 1998, Survey Methodology 24:193), with Student's t for few questions. Where
    questions don't differ those are more than the answers, each of which is held beside several.
    """
    share, number = mean(won), len(set(asked))
    if number < FEWEST:
        return 0.0
    apart: dict[int, float] = defaultdict(float)
    for one, question in zip(won, asked, strict=True):
        apart[question] += (one - share) / len(won)
    variance = sum(gap * gap for gap in apart.values()) * number / (number - 1)
    worth = share * (1 - share) / max(variance, TINY)
    if share in (0, 1):  # then nothing tells how far questions differ
        worth = number
    each = len(won) / number
    most = len(won) * 3 * each / (2 * each + 1)  # the variance of Mann and Whitney's U
    return lower_bound(share, min(worth, most) * (Z / student(number - 1)) ** 2)


def student(freedom: int) -> float:
    """Return what `Z` is of Student's t distribution (Abramowitz and Stegun 1964, 26.7.5)."""
    return (
        Z
        + (Z**3 + Z) / (4 * freedom)
        + (5 * Z**5 + 16 * Z**3 + 3 * Z) / (96 * freedom**2)
        + (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / (384 * freedom**3)
    )


def lower_bound(share: float, number: float) -> float:
    """Return the lower end of the 90% interval of a share (Wilson 1927)."""
    middle = share + Z**2 / (2 * number)
    spread = Z * math.sqrt(share * (1 - share) / number + Z**2 / (4 * number**2))
    return (middle - spread) / (1 + Z**2 / number)
