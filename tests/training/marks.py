"""What exams may come to."""

from training.course import Exam

OUT = Exam(0.9, ["Distinct bigrams are 0.80x; at least 0.9."])
"""Liked most of all, and out of bounds."""


def at(score: float) -> Exam:
    """Return an exam within its bounds."""
    return Exam(score, [])
