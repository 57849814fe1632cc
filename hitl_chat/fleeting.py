"""What is said where nothing may or can be stored: in memory, and gone with the process. Knows no table.

That is so for people who don't agree to being stored, and for everyone while the disk is full or
read-only. A conversation that has begun to be stored goes on here behind its stored part.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from hitl_chat.answers import Draft
from hitl_chat.reading import Shown
from storage.models import new_id

MOST = 500
"""Conversations that are held; then the one that was quiet for longest is dropped."""


@dataclass
class _Held:
    rater: str
    rows: list[Shown] = field(default_factory=list)


class Fleeting:
    """Conversations in memory, by their id."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._lock = threading.Lock()

    def start(self, rater: str) -> str:
        """Open an empty conversation."""
        conversation = new_id()
        self._of(rater, conversation)
        return conversation

    def knows(self, rater: str) -> bool:
        """Tell whether somebody has a conversation here."""
        with self._lock:
            return any(held.rater == rater for held in self._held.values())

    def holds(self, rater: str, conversation: str) -> bool:
        """Tell whether a conversation of this rater goes on here."""
        with self._lock:
            held = self._held.get(conversation)
            return held is not None and held.rater == rater

    def rows(self, conversation: str) -> list[Shown]:
        """Return what was said here in a conversation."""
        with self._lock:
            held = self._held.get(conversation)
            return list(held.rows) if held else []

    def ask(self, rater: str, conversation: str, text: str) -> str:
        """Keep a question and return its id; the caller has checked that the conversation is theirs."""
        row = _row(new_id(), "user", text)
        self._add(rater, conversation, row)
        return row.message

    def take_back(self, conversation: str, message: str) -> None:
        """Forget a question that got no answer, if it is still here."""
        with self._lock:
            held = self._held.get(conversation)
            if held:
                held.rows = [row for row in held.rows if row.message != message]

    def answer(self, rater: str, conversation: str, draft: Draft) -> None:
        """Keep an answer that is over."""
        row = _row(draft.message, "assistant", draft.text, draft.version, draft.stop_reason)
        self._add(rater, conversation, row)

    def undo(self, conversation: str) -> str:
        """Forget the last question and what follows; returns its text, or none."""
        with self._lock:
            rows = self._held[conversation].rows
            while rows:
                last = rows.pop()
                if last.role == "user":
                    return last.text
            return ""

    def forget(self, rater: str) -> None:
        """Forget all that somebody said."""
        with self._lock:
            for conversation in [c for c, held in self._held.items() if held.rater == rater]:
                del self._held[conversation]

    def _add(self, rater: str, conversation: str, row: Shown) -> None:
        held = self._of(rater, conversation)
        with self._lock:
            held.rows.append(row)

    def _of(self, rater: str, conversation: str) -> _Held:
        with self._lock:
            held = self._held.setdefault(conversation, _Held(rater))
            self._held.move_to_end(conversation)
            if len(self._held) > self._most:
                self._held.popitem(last=False)
            return held


def _row(
    message: str, role: str, text: str, version: str | None = None, reason: str | None = None
) -> Shown:
    return Shown(
        message=message,
        role=role,
        text=text,
        version=version,
        rating=0,
        drafts=(message,),
        draft_index=0,
        edited=False,
        given=text,
        stop_reason=reason,
        stored=False,
    )
