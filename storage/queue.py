"""Answers that something was said about, newest first, to look through. Only reads.

It also shows what the owner excluded: that is how it is found again.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from storage import conversations, reviews
from storage.models import Feedback, Message, Review
from storage.reviews import Decided

Question = aliased(Message)


@dataclass(frozen=True)
class Item:
    """An answer in the queue; `place` is the feedback that put it where it stands."""

    place: int
    message: str
    question: str
    answer: str
    rating: int
    excluded: bool


@dataclass(frozen=True)
class Context:
    """All there is to know of one answer: what came before, other drafts, what was said and decided."""

    before: list[Message]
    answer: Message
    drafts: list[Message]
    said: list[Feedback]
    decided: Decided


def kinds() -> Mapping[str, ColumnElement[bool]]:
    """Return what the queue can be narrowed to, as conditions on feedback."""
    newest = select(func.max(Feedback.id)).where(Feedback.kind == "rating")
    rating = Feedback.id.in_(newest.group_by(Feedback.message_id))
    return {
        "everything": true(),
        "disliked": rating & (Feedback.value < 0),
        "liked": rating & (Feedback.value > 0),
        "with a comment": func.length(Feedback.comment) > 0,
        "edits": Feedback.kind == "edit",
        "choices": Feedback.kind == "choice",
        "scores": Feedback.kind == "scores",
        "excluded": Feedback.message_id.in_(reviews.excluded()),
    }


def page(s: Session, kind: str, words: str, before: int | None, limit: int) -> list[Item]:
    """Return answers with such feedback and with these words in them, in their question or comment.

    `before` is the place that the page before ended at.

    Raises:
        ValueError: an unknown kind.
    """
    known = kinds()
    if kind not in known:
        raise ValueError(f"Unknown kind {kind!r}. Use one of {', '.join(known)}.")
    place = func.max(Feedback.id)
    found = select(place.label("place"), Feedback.message_id).where(known[kind])
    if words.strip():
        found = _with(words.strip(), found)
    found = found.group_by(Feedback.message_id)
    if before is not None:
        found = found.having(place < before)
    chosen = found.order_by(place.desc()).limit(limit).subquery()
    rows = (
        select(chosen.c.place, Message, Question.text)
        .join(Message, Message.id == chosen.c.message_id)
        .outerjoin(Question, Question.id == Message.parent_id)
        .order_by(chosen.c.place.desc())
    )
    return _items(s, [(at, answer, asked or "") for at, answer, asked in s.execute(rows)])


def context(s: Session, message_id: str) -> Context:
    """Return an answer with all that belongs to it.

    Raises:
        ValueError: it isn't there any more.
    """
    answer = s.get(Message, message_id)
    if answer is None:
        raise ValueError("There is no such answer any more. Look again.")
    about = or_(Feedback.message_id == message_id, Feedback.other_id == message_id)
    said = s.scalars(select(Feedback).where(about).order_by(Feedback.id)).all()
    beside = [draft for draft in conversations.drafts(s, answer) if draft.id != answer.id]
    before = conversations.path(s, answer)[:-1]
    return Context(before, answer, beside, list(said), reviews.decided(s, message_id))


def _with(words: str, found: Select[int, str]) -> Select[int, str]:
    texts = (Message.text, Question.text, Feedback.comment, Feedback.text)
    return (
        found.join(Message, Message.id == Feedback.message_id)
        .outerjoin(Question, Question.id == Message.parent_id)
        .where(or_(*(text.icontains(words, autoescape=True) for text in texts)))
    )


def _items(s: Session, rows: list[tuple[int, Message, str]]) -> list[Item]:
    ids = [answer.id for _, answer, _ in rows]
    given = select(Feedback.message_id, Feedback.value).where(
        Feedback.kind == "rating", Feedback.message_id.in_(ids)
    )
    ratings = dict(s.execute(given.order_by(Feedback.id)).all())
    out = set(s.scalars(reviews.excluded().where(Review.message_id.in_(ids))))
    return [
        Item(place, answer.id, asked, answer.text, ratings.get(answer.id) or 0, answer.id in out)
        for place, answer, asked in rows
    ]
