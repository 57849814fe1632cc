"""What the owner decides about answers: to leave out what was said, and what is right. Knows no page.

Rows are added and never changed, like feedback: an exclusion that was taken back stays readable.
Whoever reads feedback to learn from it or to give it away asks `counts` what is left.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from storage.models import Conversation, Feedback, Message, Review, Signal

EXCLUSION, GOLD = "exclusion", "gold"
MAX_REASON = 500


@dataclass(frozen=True)
class Decided:
    """What counts of one answer's reviews: why it is excluded, if it is, and the owner's own rating."""

    excluded: str | None
    gold: int


def exclude(s: Session, message_id: str, reason: str) -> None:
    """Leave out all that was said and done about an answer, from now on and until it is restored.

    Raises:
        ValueError: not an answer, or no reason that can be kept.
    """
    why = reason.replace("\x00", "").strip()
    if not why:
        raise ValueError("Give a reason, such as 'spam': whoever looks later will want to know.")
    if len(why) > MAX_REASON:
        raise ValueError(f"The reason has {len(why):,} characters; the limit is {MAX_REASON}.")
    _add(s, message_id, EXCLUSION, 1, why)


def restore(s: Session, message_id: str) -> None:
    """Let what was said about an answer count again.

    Raises:
        ValueError: not an answer.
    """
    _add(s, message_id, EXCLUSION, 0)


def exclude_rater(s: Session, message_id: str, reason: str) -> int:
    """Leave out what was said and done about each answer that the rater of this one has by now.

    Those that are excluded already keep their reason. Returns how many more it are.

    Raises:
        ValueError: as `exclude`.
    """
    out = set(s.scalars(excluded()))
    others = [answer for answer in _answers_of_its_rater(s, message_id) if answer not in out]
    for answer in others:
        exclude(s, answer, reason)
    return len(others)


def restore_rater(s: Session, message_id: str) -> int:
    """Let what was said about the answers of this one's rater count again; returns how many it are.

    Raises:
        ValueError: not an answer.
    """
    out = set(s.scalars(excluded()))
    theirs = [answer for answer in _answers_of_its_rater(s, message_id) if answer in out]
    for answer in theirs:
        restore(s, answer)
    return len(theirs)


def judge(s: Session, message_id: str, value: int) -> None:
    """Rate an answer as the owner, to hold raters against: 1, -1, or 0 to take it back.

    Raises:
        ValueError: not an answer, or no such rating.
    """
    if value not in (1, -1, 0):
        raise ValueError(f"The rating is {value!r}. Use 1, -1, or 0 to take it back.")
    _add(s, message_id, GOLD, value)


def decided(s: Session, message_id: str) -> Decided:
    """Return what counts of an answer's reviews."""
    rows = s.scalars(select(Review).where(Review.message_id == message_id).order_by(Review.id))
    newest = {row.kind: row for row in rows}
    out, gold = newest.get(EXCLUSION), newest.get(GOLD)
    return Decided(out.reason if out and out.value else None, gold.value if gold else 0)


def excluded() -> Select[str]:
    """Choose the answers of which nothing counts."""
    return _newest(EXCLUSION).where(Review.value == 1).with_only_columns(Review.message_id)


def gold() -> Select[str, int]:
    """Choose the answers that the owner rated, with the rating."""
    return _newest(GOLD).where(Review.value != 0).with_only_columns(Review.message_id, Review.value)


def counts(row: type[Feedback] | type[Signal]) -> ColumnElement[bool]:
    """Return the condition that nothing the row is about is excluded; a choice is about two drafts."""
    kept = row.message_id.not_in(excluded())
    if row is Feedback:
        other = or_(Feedback.other_id.is_(None), Feedback.other_id.not_in(excluded()))
        return and_(kept, other)
    return kept


def _answers_of_its_rater(s: Session, message_id: str) -> list[str]:
    """Return the answers in all conversations of whoever got this one."""
    here = _answer(s, message_id).conversation_id
    rater = select(Conversation.rater_id).where(Conversation.id == here).scalar_subquery()
    theirs = select(Conversation.id).where(Conversation.rater_id == rater)
    answers = select(Message.id).where(
        Message.conversation_id.in_(theirs), Message.role == "assistant"
    )
    return list(s.scalars(answers.order_by(Message.created_at, Message.id)))


def _newest(kind: str) -> Select[Review]:
    newest = select(func.max(Review.id)).where(Review.kind == kind).group_by(Review.message_id)
    return select(Review).where(Review.id.in_(newest))


def _add(s: Session, message_id: str, kind: str, value: int, reason: str = "") -> None:
    message = _answer(s, message_id)
    s.add(Review(message_id=message.id, kind=kind, value=value, reason=reason))
    s.flush()


def _answer(s: Session, message_id: str) -> Message:
    message = s.get(Message, message_id)
    if message is None or message.role != "assistant":
        raise ValueError("There is no such answer any more. Look again.")
    return message
