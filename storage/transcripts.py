"""Conversations with all that was said about them, read in portions. Knows no data set format.

Of each rating, edit and choice the newest counts. A prompt is what the model was given: an earlier
answer that had been edited by then stands in it as edited. What the owner excluded isn't there at
all, nor does it stand in a prompt. Rows are plain and no session tracks them: a million pass through in
the memory of a few hundred.

Nothing is read of people who don't agree to what it is read for (`storage.consent`).
"""

from collections import defaultdict, namedtuple
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from sqlalchemy import Select, String, cast, func, select
from sqlalchemy.orm import Session

from storage import reviews
from storage.consent import Purpose, allows
from storage.guidelines import HIGHEST, KNOWN, LOWEST
from storage.models import Base, Conversation, Feedback, Message, Signal

PORTION = 250
"""Conversations that are in memory at a time."""
Turn = dict[str, str]
Row = TypeVar("Row", Feedback, Signal)
PLAIN: dict[type[Base], Any] = {
    table: namedtuple(table.__tablename__, table.__table__.columns.keys())
    for table in (Message, Feedback, Signal)
}
"""Rows with a table's columns as attributes: several times as fast as objects of a session."""


@dataclass(frozen=True)
class Transcript:
    """One conversation. `feedback` and `signals` are in the order they came."""

    conversation: str
    messages: dict[str, Message]
    feedback: list[Feedback]
    signals: list[Signal]
    owner: str = ""

    @property
    def rater(self) -> str:
        """Whose conversation it is; empty if nobody knows."""
        rows: list[Feedback | Signal] = [*self.feedback, *self.signals]
        return self.owner or (rows[0].rater_id if rows else "")

    def answers(self) -> list[Message]:
        """Return the answers that have text, oldest first."""
        return self._answers

    def drafts(self, message: Message) -> list[Message]:
        """Return the answers beside this one, itself included."""
        return [m for m in self._answers if m.parent_id == message.parent_id]

    def said_of(self, message: Message) -> list[Feedback]:
        """Return what was said of one answer, in the order it came."""
        return self._feedback.get(message.id, [])

    def done_with(self, message: Message) -> list[Signal]:
        """Return what was done with one answer, in the order it came."""
        return self._signals.get(message.id, [])

    def prompt(self, answer: Message) -> list[Turn]:
        """Return the turns that this answer was given to, as they stood then."""
        turns: list[Turn] = []
        said = self._feedback
        for message in reversed(self._before(answer)):
            text = self._text_then(message, answer) if message.id in said else message.text
            if turns and turns[-1]["role"] == message.role:  # a question that got no answer
                turns[-1]["content"] += f"\n\n{text}"
            else:
                turns.append({"role": message.role, "content": text})
        return turns

    def asked_before(self, answer: Message) -> int:
        """Return how many questions stand before the one that this answers."""
        return sum(message.role == "user" for message in self._before(answer)[1:])

    def ratings(self) -> dict[str, int]:
        """Return the rating of each answer that has one; one taken back is none."""
        newest = {f.message_id: f.value or 0 for f in self.feedback if f.kind == "rating"}
        return {message: value for message, value in newest.items() if value}

    def scores(self) -> dict[str, float]:
        """Return the mean score of each answer that has scores, from 0 (all 1) to 1 (all 5)."""
        newest = {f.message_id: f.scores or {} for f in self.feedback if f.kind == "scores"}
        span = HIGHEST - LOWEST
        return {
            message: (sum(given.values()) / len(given) - LOWEST) / span
            for message, given in newest.items()
            if given
        }

    def tasks(self, answer: Message) -> set[str]:
        """Return what people took the question for, by the criteria they scored its drafts by."""
        newest = {f.message_id: f for f in self.feedback if f.kind == "scores"}
        scored = [newest[m.id] for m in self.drafts(answer) if m.id in newest]
        return {KNOWN[f.guideline].task for f in scored if f.scores and f.guideline}

    def edits(self) -> dict[str, str]:
        """Return the newest edit of each answer that has one and differs from it."""
        newest = {f.message_id: f.text or "" for f in self.feedback if f.kind == "edit"}
        return {m: text for m, text in newest.items() if text not in ("", self.messages[m].text)}

    def choices(self) -> dict[frozenset[str], Feedback]:
        """Return the newest choice between each two drafts."""
        return {
            frozenset((f.message_id, f.other_id or "")): f
            for f in self.feedback
            if f.kind == "choice"
        }

    def rewritten(self, change: Callable[[str], str]) -> "Transcript":
        """Return it with all that people and models wrote passed through `change`.

        Only what was read from the database can be rewritten.
        """

        messages, feedback = dict[str, Any](self.messages), list[Any](self.feedback)
        for key, message in messages.items():
            text = change(message.text)
            if text != message.text:
                messages[key] = message._replace(text=text)
        for place, row in enumerate(feedback):
            if row.text or row.comment:
                text, comment = row.text and change(row.text), row.comment and change(row.comment)
                feedback[place] = row._replace(text=text, comment=comment)
        if messages == self.messages and feedback == self.feedback:
            return self
        return replace(self, messages=messages, feedback=feedback)

    @cached_property
    def _answers(self) -> list[Message]:
        found = [m for m in self.messages.values() if m.role == "assistant" and m.text.strip()]
        return sorted(found, key=lambda m: (m.created_at, m.id))

    @cached_property
    def _feedback(self) -> dict[str, list[Feedback]]:
        return _by_message(self.feedback)

    @cached_property
    def _signals(self) -> dict[str, list[Signal]]:
        return _by_message(self.signals)

    def _before(self, answer: Message) -> list[Message]:
        """Return what an answer was given to, newest first."""
        before: list[Message] = []
        parent = answer.parent_id
        while parent is not None:
            before.append(self.messages[parent])
            parent = before[-1].parent_id
        return before

    def _text_then(self, message: Message, answer: Message) -> str:
        text = message.text
        for row in self._feedback.get(message.id, ()):
            if row.kind == "edit" and row.created_at <= answer.created_at:
                text = row.text or message.text
        return text


def read_rated(s: Session, purpose: Purpose = "train") -> Iterator[Transcript]:
    """Yield the conversations that hold feedback, oldest first."""
    return _read(s, _oldest_first(purpose).where(Conversation.id.in_(_said())))


def read_noted(s: Session, purpose: Purpose = "train") -> Iterator[Transcript]:
    """Yield the conversations that hold feedback or signals, oldest first."""
    either = Conversation.id.in_(_said()) | Conversation.id.in_(_done())
    return _read(s, _oldest_first(purpose).where(either))


def read_all(s: Session, purpose: Purpose = "train") -> Iterator[Transcript]:
    """Yield all conversations, oldest first, after the first ones with each kind of opinion.

    Readers such as `datasets` settle the columns' types on the first megabytes; lists that are
    empty all through those would make them stumble over the first item that comes later.
    """
    oldest = _oldest_first(purpose)
    kinds = (
        _said().where(cast(Feedback.reasons, String).like('[%"%]')),
        _said(),
        _done(),
    )
    firsts = [s.scalar(oldest.where(Conversation.id.in_(kind)).limit(1)) for kind in kinds]
    leaders = list(dict.fromkeys(filter(None, firsts)))
    for leader in leaders:
        yield from _read(s, oldest.where(Conversation.id == leader))
    yield from _read(s, oldest.where(Conversation.id.not_in(leaders)))


def of(s: Session, conversation: str) -> Transcript:
    """Return one conversation, whatever its person agrees to: it is shown to them or the owner."""
    owner = s.get_one(Conversation, conversation).rater_id
    return next(_portion(s, {conversation: owner}))


def count(s: Session) -> int:
    """Count all conversations."""
    return s.scalar(select(func.count()).select_from(Conversation)) or 0


def _oldest_first(purpose: Purpose) -> Select[str, str]:
    agreed = allows(Conversation.rater_id, purpose)
    found = select(Conversation.id, Conversation.rater_id).where(agreed)
    return found.order_by(Conversation.created_at, Conversation.id)


def _said() -> Select[str]:
    """Choose the conversations with feedback."""
    about = select(Message.conversation_id).join(Feedback, Feedback.message_id == Message.id)
    return about.where(reviews.counts(Feedback))


def _done() -> Select[str]:
    """Choose the conversations with signals."""
    about = select(Message.conversation_id).join(Signal, Signal.message_id == Message.id)
    return about.where(reviews.counts(Signal))


def _read(s: Session, conversations: Select[str, str]) -> Iterator[Transcript]:
    found = s.execute(conversations.execution_options(yield_per=PORTION))
    for portion in found.partitions():
        yield from _portion(s, dict(portion))


def _portion(s: Session, owners: dict[str, str]) -> Iterator[Transcript]:
    inside = Message.conversation_id.in_(list(owners))
    messages: dict[str, dict[str, Message]] = {conversation: {} for conversation in owners}
    place: dict[str, str] = {}
    for message in _rows(s, Message, select(Message.__table__).where(inside)):
        messages[message.conversation_id][message.id] = message
        place[message.id] = message.conversation_id
    feedback: dict[str, list[Feedback]] = defaultdict(list)
    signals: dict[str, list[Signal]] = defaultdict(list)
    said = select(Feedback.__table__).join(Message, Feedback.message_id == Message.id)
    for row in _rows(
        s, Feedback, said.where(inside, reviews.counts(Feedback)).order_by(Feedback.id)
    ):
        feedback[place[row.message_id]].append(row)
    done = select(Signal.__table__).join(Message, Signal.message_id == Message.id)
    for seen in _rows(s, Signal, done.where(inside, reviews.counts(Signal)).order_by(Signal.id)):
        signals[place[seen.message_id]].append(seen)
    for one, owner in owners.items():
        yield Transcript(one, messages[one], feedback[one], signals[one], owner)


def _rows(s: Session, table: type[Base], statement: Select[Any]) -> Iterator[Any]:
    return map(PLAIN[table]._make, s.connection().execute(statement).all())


def _by_message(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.message_id].append(row)
    return found
