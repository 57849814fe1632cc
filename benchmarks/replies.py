"""Replies as a listener hears them: when text first came, when it ended, how fast all of it was.

Knows neither engines nor HTTP: whoever answers calls `hear` with the text so far.
"""

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import median

Hear = Callable[[str], None]
"""Called with the text so far, whenever there is more of it."""
Question = Callable[[Hear], None]
"""Asks what was prepared beforehand, and returns once the answer has ended."""
Count = Callable[[str], int]
"""Counts the tokens of a text: with one tokenizer for all sides, on what arrived."""


@dataclass(frozen=True)
class Heard:
    """One reply. `first_s` is None if no text came, `problem` is set if it wasn't answered."""

    text: str
    first_s: float | None
    seconds: float
    problem: str | None = None


@dataclass(frozen=True)
class Batch:
    """Replies to questions that were asked by a number of people at once, and the whole time."""

    heard: list[Heard]
    seconds: float

    def speed(self, count: Count) -> float:
        """Return tokens per second over all streams."""
        return sum(count(one.text) for one in self.heard) / self.seconds


def drive(
    questions: Sequence[Question], streams: int, forgiven: tuple[type[Exception], ...] = ()
) -> Batch:
    """Ask all questions, `streams` at a time; `forgiven` errors are noted, others raised."""
    begun = time.monotonic()
    with ThreadPoolExecutor(streams) as pool:
        heard = list(pool.map(partial(_listen, forgiven=forgiven), questions))
    return Batch(heard, time.monotonic() - begun)


def _listen(question: Question, forgiven: tuple[type[Exception], ...]) -> Heard:
    begun = time.monotonic()
    first: float | None = None
    text = ""
    problem: str | None = None

    def hear(so_far: str) -> None:
        nonlocal first, text
        if so_far and first is None:
            first = time.monotonic() - begun
        text = so_far

    try:
        question(hear)
    except forgiven as error:
        problem = str(error) or type(error).__name__
    return Heard(text, first, time.monotonic() - begun, problem)


@dataclass(frozen=True)
class Speeds:
    """What one side reached with a number of streams, round by round."""

    tokens_per_s: list[float]
    first_s: list[float]

    @classmethod
    def of(cls, batches: Sequence[Batch], count: Count) -> "Speeds":
        """Take the speed of each round, and the first tokens of all of them together."""
        firsts = [h.first_s for batch in batches for h in batch.heard if h.first_s is not None]
        return cls([batch.speed(count) for batch in batches], firsts)

    @property
    def p95(self) -> float:
        """The first token's 95th percentile, in seconds."""
        return percentile(self.first_s, 95)

    def over(self, other: "Speeds") -> float:
        """Return the median over rounds of this speed by the other's in the same round."""
        pairs = zip(self.tokens_per_s, other.tokens_per_s, strict=True)
        return median(mine / theirs for mine, theirs in pairs)

    def as_json(self) -> dict[str, float]:
        """Return what is printed of it."""
        return {
            "tokens_per_s": round(median(self.tokens_per_s), 1),
            "first_p50_ms": round(percentile(self.first_s, 50) * 1000, 1),
            "first_p95_ms": round(self.p95 * 1000, 1),
        }


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that `share` percent of all don't exceed (nearest rank).

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("No reply brought any text, so there is no first token.")
    return sorted(values)[max(0, math.ceil(share / 100 * len(values)) - 1)]
