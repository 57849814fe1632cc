"""The way of an update: its exams, the best policy they saw, and when to look for no better one.

Knows neither questions nor answers, only what an exam came to.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from training.policy import Policy

DEARER = 1.5
"""By how much an exam out of bounds raises the prices of leaving the base."""


@dataclass(frozen=True)
class Exam:
    """How good the policy is on questions it doesn't practise, and which bounds it left."""

    score: float
    missed: list[str]

    @property
    def passed(self) -> bool:
        """Whether it kept within all bounds."""
        return not self.missed


Examine = Callable[[], Exam]


class Course:
    """The best policy so far by its exams, and when to stop looking for a better one.

    To be worth keeping at all it must score more than the version that has `served` so far.
    """

    def __init__(self, policy: Policy, patience: int, served: float) -> None:
        self.exams: list[Exam] = []
        self.dearness = 1.0
        """What leaving the base costs, beside the set prices: more after each failed exam."""
        self._policy = policy
        self._patience = patience
        self._most = served
        self._best: list[Tensor] | None = None
        self._since = 0

    @property
    def passed(self) -> bool:
        """Whether the last exam was within the bounds."""
        return bool(self.exams) and self.exams[-1].passed

    @property
    def leading(self) -> bool:
        """Whether the policy of the last exam is the best so far."""
        return self._best is not None and not self._since

    def exam(self, found: Exam) -> str | None:
        """Take the result of an exam; returns a reason to stop, if there is one."""
        self.exams.append(found)
        if not found.passed:
            self.dearness *= DEARER
        elif found.score > self._most:
            self._most, self._best, self._since = found.score, self._policy.snapshot(), 0
            return None
        self._since += 1
        if self._best is None or self._since < self._patience:
            return None
        return f"the score on unpractised questions rose no more after {self._most:.3f}"

    def finish(self) -> None:
        """Go back to the best policy seen, unless none was worth it: then the gate has the last word."""
        if self._best:
            self._policy.restore(self._best)
