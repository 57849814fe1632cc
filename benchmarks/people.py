"""Simulated people: they ask, read, and rate by a taste that nobody else is told.

The trainer sees their thumbs, drafts and choices, never the taste itself.
Knows what people can do, not whether they do it over HTTP or in this process.
"""

import importlib.util
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Protocol

Taste = Callable[[str, str], float]
"""Maps prompt and response to how much a person likes it, 0 to 1."""

PROMPTS = Path(__file__).parent / "prompts.txt"
AT_ONCE = 8
"""People who chat at the same time."""
AGAIN = 0.15
"""How often someone who dislikes an answer asks for another draft."""


class TasteError(ValueError):
    """A rater function can't be used; shown to whoever starts the simulation."""


@dataclass(frozen=True)
class Answer:
    """One answer that a person got."""

    message: str
    text: str
    version: str


class Visit(Protocol):
    """One person's chat: what the product lets people do."""

    def ask(self, text: str) -> Answer:
        """Ask in a new conversation."""

    def regenerate(self, message: str) -> Answer:
        """Ask for another draft."""

    def rate(self, message: str, value: int) -> None:
        """Give a thumb: 1 or -1."""


@dataclass
class Crowd:
    """People of one taste. Each likes what is better than what they have seen so far.

    Expecting nothing, a person of a taste that the model rarely meets would dislike everything,
    and say nothing by it.
    """

    taste: Taste
    seed: int
    seen: list[float] = field(default_factory=list)
    ratings: int = 0
    _lock: Lock = field(default_factory=Lock)

    def likes(self, prompt: str, text: str) -> bool:
        """Compare an answer with what this crowd has come to expect."""
        score = judge(self.taste, prompt, text)
        with self._lock:
            expected = sum(self.seen) / len(self.seen) if self.seen else 0.5
            self.seen.append(score)
        return score > expected

    def rate(
        self, visit: Visit, prompts: Sequence[str], number: int, tell: Callable[[int], None]
    ) -> None:
        """Ask and rate until `number` thumbs are given; `tell` hears how many there are."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            turn = 0
            while self.ratings < number:
                # As many at once as can't give more thumbs than are wanted.
                group = min(AT_ONCE, max(1, (number - self.ratings) // 2))
                asked = [prompts[(turn + i) % len(prompts)] for i in range(group)]
                turn += group
                seeds = [self.seed * 1_000_003 + turn + i for i in range(group)]
                patience = AGAIN if number - self.ratings > 1 else 0.0
                list(pool.map(partial(self._one, visit, patience), asked, seeds))
                tell(self.ratings)

    def _one(self, visit: Visit, patience: float, prompt: str, seed: int) -> None:
        answer = visit.ask(prompt)
        liked = self._thumb(visit, prompt, answer)
        if not liked and random.Random(seed).random() < patience:
            self._thumb(visit, prompt, visit.regenerate(answer.message))

    def _thumb(self, visit: Visit, prompt: str, answer: Answer) -> bool:
        liked = self.likes(prompt, answer.text)
        visit.rate(answer.message, 1 if liked else -1)
        with self._lock:
            self.ratings += 1
        return liked


def examine(visit: Visit, taste: Taste, prompts: Sequence[str]) -> tuple[list[float], list[Answer]]:
    """Return the true score of one answer to each prompt; nothing is rated."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(visit.ask, prompts))
    scores = [judge(taste, p, a.text) for p, a in zip(prompts, answers, strict=True)]
    return scores, answers


def judge(taste: Taste, prompt: str, text: str) -> float:
    """Ask the taste.

    Raises:
        TasteError: it didn't return a number from 0 to 1.
    """
    score: object = taste(prompt, text)
    if not isinstance(score, int | float) or not 0.0 <= score <= 1.0:
        raise TasteError(f"The rater returned {score!r}. Return a number from 0 to 1.")
    return float(score)


def load_taste(where: str) -> Taste:
    """Load `FILE.py:FUNCTION`.

    Raises:
        TasteError: no such file or function.
    """
    file, _, name = where.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise TasteError(f"No rater in '{where}'. Use FILE.py:FUNCTION with a file that exists.")
    spec = importlib.util.spec_from_file_location("rater", path)
    if spec is None or spec.loader is None:
        raise TasteError(f"'{path}' is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    taste = getattr(module, name, None)
    if not callable(taste):
        raise TasteError(f"'{path}' has no function '{name}'.")
    return taste  # type: ignore[no-any-return]


def prompts(seed: int, unseen: int) -> tuple[list[str], list[str]]:
    """Return (prompts to rate, prompts that nobody rates), shuffled by `seed`."""
    lines = [line for line in PROMPTS.read_text(encoding="utf-8").splitlines() if line]
    random.Random(seed).shuffle(lines)
    return lines[unseen:], lines[:unseen]


def wins(after: Sequence[float], before: Sequence[float]) -> float:
    """Return the share of prompts answered better than before; ties count half."""
    return sum((a > b) + 0.5 * (a == b) for a, b in zip(after, before, strict=True)) / len(after)


def friendly(prompt: str, response: str) -> float:
    """The demo's taste: answers that speak to the reader."""
    del prompt
    words = [word.strip(".,!?;:'\"").lower() for word in response.split()]
    return min(1.0, sum(word in ("you", "your", "you're", "you'll") for word in words) / 4)
