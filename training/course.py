"""The way of an update: its exams, the best policy they saw, and when to look for no better one.

Knows neither questions nor answers, only what an exam came to.
"""

from collections.abc import Callable

from torch import Tensor

from training.policy import Policy

Examine = Callable[[], float | None]
"""Tells how good the policy is on questions it doesn't practise, or None if it left its bounds."""
DEARER = 1.5
"""By how much an exam out of bounds raises the prices of leaving the base."""


class Course:
    """The best policy so far by its exams, and when to stop looking for a better one."""

    def __init__(self, policy: Policy, patience: int) -> None:
        self.exams: list[float | None] = []
        self.dearness = 1.0
        """What leaving the base costs, beside the set prices: more after each failed exam."""
        self._policy = policy
        self._patience = patience
        self._best: tuple[float, list[Tensor]] | None = None
        self._since = 0

    @property
    def passed(self) -> bool:
        """Whether the last exam was within the bounds."""
        return bool(self.exams) and self.exams[-1] is not None

    def exam(self, found: float | None) -> str | None:
        """Take the result of an exam; returns a reason to stop, if there is one."""
        self.exams.append(found)
        if found is None:
            self.dearness *= DEARER
        elif self._best is None or found > self._best[0]:
            self._best, self._since = (found, self._policy.snapshot()), 0
            return None
        self._since += 1
        if self._best is None or self._since < self._patience:
            return None
        return f"the score on unpractised questions rose no more after {self._best[0]:.3f}"

    def finish(self) -> None:
        """Go back to the best policy seen, unless none passed: then the gate has the last word."""
        if self._best:
            self._policy.restore(self._best[1])
