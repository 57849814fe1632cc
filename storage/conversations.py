"""Raters, their conversations and the messages in them. Knows no feedback and no engine.

A conversation is a tree: drafts of one answer are siblings, and undoing only moves the head, so
nothing that was said is ever lost. Functions take the session of their caller's transaction.
"""

import re
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from storage.models import Conversation, Message, Rater, new_id
from storage.saying import storable

_ID = re.compile(r"[0-9a-f]{32}")


class NotYours(LookupError):
    """No such id, or someone else's: the person can't tell which. Shown as it is."""


# Who


def add_rater(s: Session, rater_id: str | None = None) -> Rater:
    """Make a new rater, by default with a random id."""
    rater = Rater(id=rater_id or new_id())
    s.add(rater)
    s.flush()
    return rater


def has_rater(s: Session, rater_id: str) -> bool:
    """Tell whether this rater exists."""
    return _is_id(rater_id) and s.get(Rater, rater_id) is not None


# Finding


def owned(s: Session, rater_id: str, conversation_id: str) -> Conversation:
    """Return a conversation of this rater.

    Raises:
        NotYours: there is none, or it is someone else's.
    """
    conversation = s.get(Conversation, conversation_id) if _is_id(conversation_id) else None
    if conversation is None or conversation.rater_id != rater_id:
        raise NotYours("No such conversation.")
    return conversation


def owned_message(s: Session, rater_id: str, message_id: str) -> Message:
    """Return a message of one of this rater's conversations. Every id from outside comes by here.

    Raises:
        NotYours: there is none, or it is someone else's.
    """
    if not _is_id(message_id):
        raise NotYours("No such message.")
    message = s.scalar(
        select(Message)
        .join(Conversation, Message.conversation_id == Conversation.id)
        .where(Message.id == message_id, Conversation.rater_id == rater_id)
    )
    if message is None:
        raise NotYours("No such message.")
    return message


def latest(s: Session, rater_id: str) -> Conversation | None:
    """Return the conversation in which this rater's newest message is, unless all are empty."""
    return s.scalar(
        select(Conversation)
        .join(Message, Message.conversation_id == Conversation.id)
        .where(Conversation.rater_id == rater_id, Conversation.head_id.is_not(None))
        .order_by(Message.created_at.desc())
        .limit(1)
    )


def of(s: Session, rater_id: str) -> list[str]:
    """Return the ids of all conversations of this rater."""
    return list(s.scalars(select(Conversation.id).where(Conversation.rater_id == rater_id)))


def branch(s: Session, conversation: Conversation) -> list[Message]:
    """Return what the person sees of a conversation: from its first message to its head."""
    return _walk(s, conversation.id, conversation.head_id)


def path(s: Session, message: Message) -> list[Message]:
    """Return the messages from the first of the conversation to this one, both included."""
    return _walk(s, message.conversation_id, message.id)


def drafts(s: Session, message: Message) -> list[Message]:
    """Return all messages with the same parent, this one included, oldest first."""
    return list(
        s.scalars(
            select(Message)
            .where(
                Message.conversation_id == message.conversation_id,
                Message.parent_id == message.parent_id,
            )
            .order_by(Message.created_at, Message.id)
        )
    )


def newest_reply(s: Session, conversation: Conversation, parent_id: str | None) -> Message | None:
    """Return what was said last right under a message; under None, as a first question."""
    return s.scalar(
        select(Message)
        .where(Message.conversation_id == conversation.id, Message.parent_id == parent_id)
        .order_by(Message.created_at.desc(), Message.id.desc())
        .limit(1)
    )


# Talking


def start(s: Session, rater_id: str) -> Conversation:
    """Open an empty conversation."""
    conversation = Conversation(rater_id=rater_id)
    s.add(conversation)
    s.flush()
    return conversation


def say(s: Session, conversation: Conversation, text: str) -> Message:
    """Store what the person said under the head; it becomes the head."""
    here = s.get_one(Conversation, conversation.id)
    message = Message(conversation_id=here.id, parent_id=here.head_id, role="user", text=text)
    return _add(s, here, message)


def open_answer(  # noqa: PLR0913 - one for each column
    s: Session,
    conversation: Conversation,
    parent: Message,
    *,
    version: str,
    base: str,
    engine: str,
    sampling: dict[str, Any],
    seed: int,
    shown: bool = True,
) -> Message:
    """Store an answer to `parent` before its first token; if it is `shown`, it becomes the head."""
    here = s.get_one(Conversation, conversation.id)
    message = Message(
        conversation_id=here.id,
        parent_id=parent.id,
        role="assistant",
        text="",
        version=version,
        base=base,
        engine=engine,
        sampling=sampling,
        seed=seed,
    )
    return _add(s, here, message, shown=shown)


def close_answer(  # noqa: PLR0913 - one for each column
    s: Session,
    message_id: str,
    *,
    text: str,
    stop_reason: str,
    prompt_tokens: int,
    completion_tokens: int,
    first_token_ms: float | None,
    duration_ms: float | None,
) -> None:
    """Store an answer as it ended; `stop_reason` is eos, length, stop, closed or error.

    One whose person was erased while it was written is not stored.
    """
    message = s.get(Message, message_id)
    if message is None:
        return
    message.text = storable(text)
    message.stop_reason = stop_reason
    message.prompt_tokens = prompt_tokens
    message.completion_tokens = completion_tokens
    message.first_token_ms = first_token_ms
    message.duration_ms = duration_ms


def set_head(s: Session, conversation: Conversation, message_id: str | None) -> None:
    """Show the branch that ends at this message; None shows an empty conversation.

    Raises:
        NotYours: the message isn't in this conversation.
    """
    if message_id is not None:
        message = s.get(Message, message_id)
        if message is None or message.conversation_id != conversation.id:
            raise NotYours("No such message.")
    s.get_one(Conversation, conversation.id).head_id = message_id


def close_abandoned(s: Session, before: datetime | None = None) -> int:
    """Close the answers that a killed chat process left open; returns how many.

    With `before` only those opened by then: other processes may be writing younger ones.
    """
    left = [Message.role == "assistant", Message.stop_reason.is_(None)]
    if before:
        left.append(Message.created_at <= before)
    closed = s.execute(update(Message).where(*left).values(stop_reason="closed"))
    return closed.rowcount if isinstance(closed, CursorResult) else 0


def _add(
    s: Session, conversation: Conversation, message: Message, *, shown: bool = True
) -> Message:
    s.add(message)
    s.flush()
    if shown:
        conversation.head_id = message.id
    return message


def _walk(s: Session, conversation_id: str, leaf: str | None) -> list[Message]:
    """Return the messages from the root to `leaf`, with one query however long the way is."""
    messages = s.scalars(select(Message).where(Message.conversation_id == conversation_id))
    by_id = {message.id: message for message in messages}
    found: list[Message] = []
    while leaf is not None:
        message = by_id[leaf]
        found.append(message)
        leaf = message.parent_id
    return found[::-1]


def _is_id(value: object) -> bool:
    """Tell whether a value from outside can be an id at all; anything else finds nothing."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None
