"""What people say and do about answers, added row by row and never changed. Knows no target.

Nothing here is updated: rating again, or taking a rating back, is one more row, and the newest row
counts. So a cycle can freeze everything up to an id, and nobody's second thoughts are lost.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from storage import conversations, cycles, reviews
from storage.consent import allows
from storage.models import Beacon, Feedback, Message, Signal
from storage.saying import new_choice, new_edit, new_rating, new_scores

AGAIN = 0.25
"""Share of the opinions a cycle waits for that is a reason to try again after too little."""
Opinion = tuple[str, bool]
"""A rater, and whether they liked an answer."""
MOST_OPINIONS = 200
"""Of one rater about one version: what is read stays small whoever floods."""


@dataclass(frozen=True)
class Counts:
    """How much feedback there is; `waiting` is what no cycle has learned from yet and one may."""

    total: int
    waiting: int
    ratings: int
    edits: int
    choices: int
    signals: int


# Said on purpose


def rate(
    s: Session,
    rater_id: str,
    message_id: str,
    value: int,
    reasons: Sequence[str] = (),
    comment: str = "",
) -> Feedback:
    """Rate an answer 1 or -1; 0 takes the rating back.

    Raises:
        NotYours: the message isn't this rater's.
        ValueError: not an answer, or a value, reason or comment that can't be taken.
    """
    answer = _answer(s, rater_id, message_id)
    return _add(s, rater_id, answer, new_rating(value, reasons, comment))


def score(
    s: Session, rater_id: str, message_id: str, guideline: str, scores: Mapping[str, int]
) -> Feedback:
    """Score an answer from 1 to 5 by criteria of a guideline; no scores take them back.

    Raises:
        NotYours: the message isn't this rater's.
        ValueError: not an answer, or a guideline, criterion or score that there isn't.
    """
    answer = _answer(s, rater_id, message_id)
    return _add(s, rater_id, answer, new_scores(guideline, scores))


def take_back_edit(s: Session, rater_id: str, message_id: str) -> Feedback:
    """Let the answer stand as it was given.

    Raises:
        NotYours: the message isn't this rater's.
        ValueError: not an answer.
    """
    answer = _answer(s, rater_id, message_id)
    return _add(s, rater_id, answer, Feedback(kind="edit"))


def edit(s: Session, rater_id: str, message_id: str, text: str) -> Feedback:
    """Store the answer that the rater wanted instead.

    Raises:
        NotYours: the message isn't this rater's.
        ValueError: not an answer, or the text is empty.
    """
    answer = _answer(s, rater_id, message_id)
    return _add(s, rater_id, answer, new_edit(text))


def choose(s: Session, rater_id: str, chosen_id: str, rejected_id: str, verdict: str) -> Feedback:
    """Store which of two drafts of one answer is better, or that neither is.

    Raises:
        NotYours: a message isn't this rater's.
        ValueError: an unknown verdict, or not two drafts of one answer.
    """
    chosen, rejected = _answer(s, rater_id, chosen_id), _answer(s, rater_id, rejected_id)
    choice = new_choice(verdict)
    if chosen.id == rejected.id or chosen.parent_id != rejected.parent_id:
        raise ValueError("These are not two drafts of one answer. Choose between such drafts only.")
    choice.other_id = rejected.id
    return _add(s, rater_id, chosen, choice)


# Done in passing


def signal(
    s: Session, rater_id: str, message_id: str, kind: str, amount: float | None = None
) -> Signal:
    """Store what someone did with an answer; the caller has checked that it is theirs."""
    row = Signal(rater_id=rater_id, message_id=message_id, kind=kind, amount=amount)
    s.add(row)
    s.flush()
    return row


def amount_of(s: Session, message_id: str, kind: str) -> float:
    """Return what the signals of one kind about an answer come to."""
    found = select(func.sum(Signal.amount))
    return s.scalar(found.where(Signal.message_id == message_id, Signal.kind == kind)) or 0.0


def most_of(s: Session, message_id: str, kind: str) -> float:
    """Return the greatest amount among the signals of one kind about an answer."""
    found = select(func.max(Signal.amount))
    return s.scalar(found.where(Signal.message_id == message_id, Signal.kind == kind)) or 0.0


def first_time(s: Session, page: str, seq: int, rater_id: str) -> bool:
    """Note a batch of browser signals; False if it came before, so that a replay does nothing."""
    if s.get(Beacon, (page, seq)) is not None:
        return False
    s.add(Beacon(page=page, seq=seq, rater_id=rater_id))
    s.flush()
    return True


# What it comes to


def current_ratings(s: Session, message_ids: Iterable[str]) -> dict[str, Feedback]:
    """Return the rating that counts for each of these messages that has one."""
    newest = _newest(s, "rating", message_ids)
    return {message: row for message, row in newest.items() if row.value}


def current_scores(s: Session, message_ids: Iterable[str]) -> dict[str, Feedback]:
    """Return the scores that count for each of these messages that has some."""
    newest = _newest(s, "scores", message_ids)
    return {message: row for message, row in newest.items() if row.scores}


def opinions(s: Session, version: str, since: datetime | None = None) -> list[Opinion]:
    """Return what people think of a version's answers, of those given from `since` on, if named.

    The newest rating of an answer counts, unless the owner excluded it, and of one rater the first
    `MOST_OPINIONS`.
    """
    newest = (
        select(func.max(Feedback.id))
        .join(Message, Message.id == Feedback.message_id)
        .where(Feedback.kind == "rating", Message.version == version)
        .group_by(Feedback.message_id)
    )
    if since:
        newest = newest.where(Message.created_at >= since)
    place = func.row_number().over(partition_by=Feedback.rater_id, order_by=Feedback.id)
    rated = (
        select(Feedback.id, Feedback.rater_id, Feedback.value, place.label("place"))
        .where(Feedback.id.in_(newest), Feedback.value != 0, reviews.counts(Feedback))
        .subquery()
    )
    chosen = select(rated).where(rated.c.place <= MOST_OPINIONS).order_by(rated.c.id)
    return [(row.rater_id, row.value > 0) for row in s.execute(chosen)]


def counts(s: Session) -> Counts:
    """Count the opinions of each kind, and those that wait for a cycle."""
    by_kind = select(Feedback.kind, func.count()).group_by(Feedback.kind)
    kinds: dict[str, int] = dict(s.execute(by_kind).all())
    waiting = select(func.count()).where(*_learnable(cycles.consumed_mark(s)))
    return Counts(
        total=sum(kinds.values()),
        waiting=s.scalar(waiting) or 0,
        ratings=kinds.get("rating", 0),
        edits=kinds.get("edit", 0),
        choices=kinds.get("choice", 0),
        signals=s.scalar(select(func.count()).select_from(Signal)) or 0,
    )


def since(s: Session, mark: int) -> int:
    """Count the opinions given after `mark` that a cycle may learn from.

    A thumb with its reasons is one opinion in two rows.
    """
    newer = select(Feedback.kind, Feedback.message_id).where(*_learnable(mark)).distinct()
    return s.scalar(select(func.count()).select_from(newer.subquery())) or 0


def missing(s: Session, wanted: int) -> int:
    """Return how many more opinions the next cycle waits for, where `wanted` are a reason for one.

    After one that found too little to learn from, a share of them is.
    """
    last = cycles.settled(s)
    if last and last.status == "skipped":
        wanted = math.ceil(wanted * AGAIN)
    return max(0, wanted - since(s, last.mark if last else 0))


def mark(s: Session) -> int:
    """Return the newest feedback id; a cycle may see everything up to it."""
    return s.scalar(select(func.max(Feedback.id))) or 0


def last_signal(s: Session) -> int:
    """Return the newest signal id; together with `mark` it says all that a cycle may see."""
    return s.scalar(select(func.max(Signal.id))) or 0


def _newest(s: Session, kind: str, message_ids: Iterable[str]) -> dict[str, Feedback]:
    rows = s.scalars(
        select(Feedback)
        .where(Feedback.kind == kind, Feedback.message_id.in_(list(message_ids)))
        .order_by(Feedback.id)
    )
    return {row.message_id: row for row in rows}


def _learnable(mark: int) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a row is newer than `mark`, and one that a cycle may learn from."""
    return Feedback.id > mark, allows(Feedback.rater_id, "train"), reviews.counts(Feedback)


def _answer(s: Session, rater_id: str, message_id: str) -> Message:
    message = conversations.owned_message(s, rater_id, message_id)
    if message.role != "assistant":
        raise ValueError("That is a message of yours. Give feedback on an answer.")
    return message


def _add(s: Session, rater_id: str, answer: Message, row: Feedback) -> Feedback:
    row.rater_id, row.message_id = rater_id, answer.id
    s.add(row)
    s.flush()
    return row
