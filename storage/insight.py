"""What all the feedback comes to, counted by the database: by day, by version, by rater.

Only reads. What the owner excluded counts nowhere, and of ratings the newest of each answer does.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, case, func, or_, select
from sqlalchemy.orm import Session

from storage import reviews
from storage.models import Feedback, Message


@dataclass(frozen=True)
class Day:
    """What was said on one day (UTC), `date` as 2026-01-31."""

    date: str
    likes: int
    dislikes: int
    edits: int
    choices: int
    scores: int


@dataclass(frozen=True)
class Liking:
    """How a version's answers were liked, of those that were rated."""

    version: str
    answers: int
    rated: int
    liked: int


@dataclass(frozen=True)
class Rating:
    """How one rater rates; `changed` counts the answers that they liked and disliked in turn."""

    rater: str
    rated: int
    liked: int
    changed: int


@dataclass(frozen=True)
class Agreement:
    """How often the owner and one rater rated the same answers like this, 1 or -1."""

    rater: str
    own: int
    theirs: int
    answers: int


def days(s: Session, limit: int) -> list[Day]:
    """Return the newest days on which something was said, oldest first."""
    day = func.date(Feedback.created_at)
    columns = (
        _number(Feedback.value > 0),
        _number(Feedback.value < 0),
        _number(Feedback.kind == "edit"),
        _number(Feedback.kind == "choice"),
        _number(Feedback.kind == "scores"),
    )
    standing = or_(Feedback.kind != "rating", Feedback.id.in_(_newest()))
    found = select(day, *columns).where(standing, reviews.counts(Feedback)).group_by(day)
    rows = s.execute(found.order_by(day.desc()).limit(limit)).all()
    return [Day(str(date), *numbers) for date, *numbers in reversed(rows)]


def likings(s: Session) -> list[Liking]:
    """Return how each version that has answered is liked, in no order."""
    answers = (
        select(Message.version, func.count())
        .where(Message.version.is_not(None))
        .group_by(Message.version)
    )
    liked = (
        select(Message.version, func.count(), _number(Feedback.value > 0))
        .join(Feedback, Feedback.message_id == Message.id)
        .where(Feedback.id.in_(_newest()), Feedback.value != 0, reviews.counts(Feedback))
        .group_by(Message.version)
    )
    ratings = {version: (rated, likes) for version, rated, likes in s.execute(liked)}
    return [
        Liking(version or "", number, *ratings.get(version, (0, 0)))
        for version, number in s.execute(answers)
    ]


def raters(s: Session, limit: int) -> list[Rating]:
    """Return the raters who rated most."""
    sides = func.min(Feedback.value) * func.max(Feedback.value)
    per_answer = (
        select(func.max(Feedback.id).label("newest"), sides.label("sides"))
        .where(Feedback.kind == "rating")
        .group_by(Feedback.message_id)
        .subquery()
    )
    rated = func.count().label("rated")
    found = (
        select(
            Feedback.rater_id,
            rated,
            _number(Feedback.value > 0),
            _number(per_answer.c.sides < 0),
        )
        .join(per_answer, per_answer.c.newest == Feedback.id)
        .where(Feedback.value != 0, reviews.counts(Feedback))
        .group_by(Feedback.rater_id)
        .order_by(rated.desc(), Feedback.rater_id)
        .limit(limit)
    )
    return [Rating(*row) for row in s.execute(found)]


def agreements(s: Session) -> list[Agreement]:
    """Return how the ratings of answers that the owner rated too compare with the owner's."""
    own = reviews.gold().cte()
    newest = _newest().where(Feedback.message_id.in_(select(own.c.message_id)))
    found = (
        select(Feedback.rater_id, own.c.value, Feedback.value, func.count())
        .join(own, own.c.message_id == Feedback.message_id)
        .where(Feedback.id.in_(newest), Feedback.value != 0, reviews.counts(Feedback))
        .group_by(Feedback.rater_id, own.c.value, Feedback.value)
    )
    return [Agreement(*row) for row in s.execute(found)]


def _newest() -> Select[int]:
    """Choose the newest rating of each answer; one taken back is one too."""
    newest = select(func.max(Feedback.id)).where(Feedback.kind == "rating")
    return newest.group_by(Feedback.message_id)


def _number(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
