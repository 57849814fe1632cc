"""Conversations with all that was said about them, read in portions. Knows no data set format.

Of each rating, edit and choice the newest counts. A prompt is what the model was given: an earlier
answer that had been edited by then stands in it as edited. What the owner excluded isn't there at
all, nor does it stand in a prompt.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Select, String, cast, select
from sqlalchemy.orm import Session

from storage import reviews
from storage.guidelines import HIGHEST, LOWEST
from storage.models import Conversation, Feedback, Message, Signal

PORTION = 100
Turn = dict[str, str]


@dataclass(frozen=True)
class Transcript:
    """One conversation. `feedback` and `signals` are in the order they came."""

    conversation: str
    messages: dict[str, Message]
    feedback: list[Feedback]
    signals: list[Signal]

    @property
    def rater(self) -> str:
        """Whose conversation it is; empty if they said and did nothing about an answer."""
        rows: list[Feedback | Signal] = [*self.feedback, *self.signals]
        return rows[0].rater_id if rows else ""

    def answers(self) -> list[Message]:
        """Return the answers that have text, oldest first."""
        found = [m for m in self.messages.values() if m.role == "assistant" and m.text.strip()]
        return sorted(found, key=lambda m: (m.created_at, m.id))

    def drafts(self, message: Message) -> list[Message]:
        """Return the answers beside this one, itself included."""
        return [m for m in self.answers() if m.parent_id == message.parent_id]

    def prompt(self, answer: Message) -> list[Turn]:
        """Return the turns that this answer was given to, as they stood then."""
        before: list[Message] = []
        parent = answer.parent_id
        while parent is not None:
            before.append(self.messages[parent])
            parent = before[-1].parent_id
        turns: list[Turn] = []
        for message in reversed(before):
            text = self._text_then(message, answer)
            if turns and turns[-1]["role"] == message.role:  # a question that got no answer
                turns[-1]["content"] += f"\n\n{text}"
            else:
                turns.append({"role": message.role, "content": text})
        return turns

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

    def _text_then(self, message: Message, answer: Message) -> str:
        text = message.text
        for row in self.feedback:
            about = row.kind == "edit" and row.message_id == message.id
            if about and row.created_at <= answer.created_at:
                text = row.text or message.text
        return text


def read_rated(s: Session) -> Iterator[Transcript]:
    """Yield the conversations that hold feedback, oldest first."""
    return _read(s, s.scalars(_oldest_first().where(Conversation.id.in_(_said()))))


def read_noted(s: Session) -> Iterator[Transcript]:
    """Yield the conversations that hold feedback or signals, oldest first."""
    either = Conversation.id.in_(_said()) | Conversation.id.in_(_done())
    return _read(s, s.scalars(_oldest_first().where(either)))


def read_all(s: Session) -> Iterator[Transcript]:
    """Yield all conversations, oldest first, after the first ones with each kind of opinion.

    Readers such as `datasets` settle the columns' types on the first megabytes; lists that are
    empty all through those would make them stumble over the first item that comes later.
    """
    oldest = _oldest_first()
    leaders = (
        _said().where(cast(Feedback.reasons, String).like('[%"%]')),
        _said(),
        _done(),
    )
    ids = [s.scalar(oldest.where(Conversation.id.in_(one)).limit(1)) for one in leaders]
    return _read(s, dict.fromkeys([*filter(None, ids), *s.scalars(oldest)]))


def _oldest_first() -> Select[str]:
    return select(Conversation.id).order_by(Conversation.created_at, Conversation.id)


def _said() -> Select[str]:
    """Choose the conversations with feedback."""
    about = select(Message.conversation_id).join(Feedback, Feedback.message_id == Message.id)
    return about.where(reviews.counts(Feedback))


def _done() -> Select[str]:
    """Choose the conversations with signals."""
    about = select(Message.conversation_id).join(Signal, Signal.message_id == Message.id)
    return about.where(reviews.counts(Signal))


def _read(s: Session, conversations: Iterable[str]) -> Iterator[Transcript]:
    ids = list(conversations)
    for start in range(0, len(ids), PORTION):
        yield from _portion(s, ids[start : start + PORTION])


def _portion(s: Session, ids: list[str]) -> Iterator[Transcript]:
    inside = Message.conversation_id.in_(ids)
    messages: dict[str, dict[str, Message]] = defaultdict(dict)
    for message in s.scalars(select(Message).where(inside)):
        messages[message.conversation_id][message.id] = message
    feedback: dict[str, list[Feedback]] = defaultdict(list)
    for conversation, row in s.execute(
        select(Message.conversation_id, Feedback)
        .join(Feedback, Feedback.message_id == Message.id)
        .where(inside, reviews.counts(Feedback))
        .order_by(Feedback.id)
    ):
        feedback[conversation].append(row)
    signals: dict[str, list[Signal]] = defaultdict(list)
    for conversation, seen in s.execute(
        select(Message.conversation_id, Signal)
        .join(Signal, Signal.message_id == Message.id)
        .where(inside, reviews.counts(Signal))
        .order_by(Signal.id)
    ):
        signals[conversation].append(seen)
    for one in ids:
        yield Transcript(one, messages[one], feedback[one], signals[one])
