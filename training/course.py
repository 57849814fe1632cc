"""The way of an update: its exams, the best policy they saw, and when to look for no better one.

Knows neither questions nor answers, only what an exam came to.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from training.policy import Policy

HALVINGS = 2
"""Times that a policy out of bounds goes half the way back, before it goes all of it."""
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
    """The best policies so far by their exams, and when to stop looking for a better one.

    To be worth keeping at all one must score more than the version that serves.
    """

    def __init__(self, policy: Policy, examine: Examine, patience: int, served: Exam) -> None:
        """`served` is that version's exam, which it passes if it has room to get better."""
        self.exams: list[Exam] = []
        self.dearness = 1.0
        """What leaving the base costs, beside the set prices: more after each failed exam."""
        self.leading = False
        """Whether the policy of the last exam is the best so far."""
        self._policy = policy
        self._examine = examine
        self._patience = patience
        self._served = served
        self._kept: list[tuple[float, list[Tensor]]] = []  # the best one last
        self._within = policy.snapshot()
        self._since = 0

    @property
    def passed(self) -> bool:
        """Whether the last exam was within the bounds."""
        return bool(self.exams) and self.exams[-1].passed

    @property
    def promising(self) -> bool:
        """Whether the policy of the last exam is a better beginning than the version that serves."""
        return self.leading or (self.passed and not self._served.passed)

    def look(self) -> str | None:
        """Examine the policy, and see to it that practice goes on within the bounds.

        Where it left them it goes half of the way back, then half of the rest, then all of it, unless
        nothing better than what serves is known: then it is left for the gate to say why not.
        Returns a reason to stop, if there is one.
        """
        self.exam()
        for _ in range(HALVINGS):
            if not self.passed:
                self._draw_back()
                self.exam()
        if not self.passed and self._kept:
            self._policy.restore(self._within)
        self._since = 0 if self.leading else self._since + 1
        if not self._kept or self._since < self._patience:
            return None
        return f"the score on unpractised questions rose no more after {self._best:.3f}"

    def exam(self) -> None:
        """Examine the policy as it is."""
        found = self._examine()
        self.exams.append(found)
        self.leading = found.passed and found.score > self._best
        if not found.passed:
            self.dearness *= DEARER
            return
        self._within = self._policy.snapshot()
        if found.score > self._served.score:
            self._kept.append((found.score, self._within))
            self._kept.sort(key=lambda one: one[0])

    def _draw_back(self) -> None:
        """Go half the way back to the last policy within the bounds, or to where the run began.

        Between two adapters lie answers between theirs (Wortsman et al. 2022, arXiv:2109.01903).
        """
        way = zip(self._policy.snapshot(), self._within, strict=True)
        self._policy.restore([torch.lerp(here, there, 0.5) for here, there in way])

    def take_best(self) -> bool:
        """Go back to the best policy seen that wasn't taken yet; False leaves it, as there is none."""
        if not self._kept:
            return False
        self._policy.restore(self._kept.pop()[1])
        return True

    @property
    def _best(self) -> float:
        return self._kept[-1][0] if self._kept else self._served.score
