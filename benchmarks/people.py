"""Simulated people: they ask, read, and rate by a taste that nobody else is told.

The trainer sees their thumbs, drafts and choices, never the taste itself.
Knows what people can do, not whether they do it over HTTP or in this process.
"""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from threading import Lock

from benchmarks.rater import Taste, judge
from benchmarks.visits import AT_ONCE, Answer, Visit

AGAIN = 0.15
"""How often someone who dislikes an answer asks for another draft."""


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
