"""What a cycle has read and may not use any more: somebody was erased, said no, or was left out.

A cycle takes minutes, in which people go on deciding; it asks before it announces what it made.
Knows no trainer.
"""

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from storage import consent, person, reviews
from storage.models import Consent, Cycle, Erasure, Feedback, Review, Signal


def since(s: Session, cycle: Cycle) -> str | None:
    """Return why a version that comes of this cycle must not serve, if anything speaks against it."""
    if _erased(s, cycle):
        return "Somebody it learned from was erased meanwhile."
    if _unwilling(s, cycle):
        return "Somebody it learned from doesn't agree to that any more."
    if _excluded(s, cycle):
        return "An answer that it learned from was excluded meanwhile."
    return None


def _erased(s: Session, cycle: Cycle) -> bool:
    # Newest first, and by no clock: the trainer's may not be that of the chat.
    named = s.scalars(select(Erasure.cycles).order_by(Erasure.id.desc()))
    return any(cycle.id in cycles for cycles in named)


def _unwilling(s: Session, cycle: Cycle) -> bool:
    refusals = select(Consent.rater_id).where(
        Consent.created_at >= cycle.started_at, Consent.train.is_(False)
    )
    return any(
        cycle.id in person.readers(s, rater) and not consent.given(s, rater).train
        for rater in s.scalars(refusals.distinct())
    )


def _excluded(s: Session, cycle: Cycle) -> bool:
    out = reviews.excluded().where(Review.created_at >= cycle.started_at)
    said = select(Feedback.id).where(
        Feedback.id <= cycle.mark,
        or_(Feedback.message_id.in_(out), Feedback.other_id.in_(out)),
    )
    done = select(Signal.id).where(Signal.created_at < cycle.started_at, Signal.message_id.in_(out))
    return any(s.scalar(rows.limit(1)) is not None for rows in (said, done))
