"""A reply while it is written. Knows no model, no server, and not who writes.

The thread that writes and the one that reads both touch it, under one lock.
"""

import threading
import time
from abc import ABC, abstractmethod
from typing import Any

from hitl_chat.engines.protocol import Reply

ENDS = {"stop": "eos", "length": "length"}
"""Servers' reasons, and ours; no stop words are given, so "stop" is the model's own end."""
HALF = "\N{REPLACEMENT CHARACTER}"


class Unfinished(ABC):
    """A reply, and what has come of it so far."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.news = threading.Event()
        """Set whenever `reply` has changed."""
        self._begun = time.monotonic()
        self._lock = threading.Lock()

    @property
    def over(self) -> bool:
        """Whether nothing more may be added."""
        return self.reply.stop_reason is not None

    def hear(self, message: dict[str, Any]) -> bool:
        """Take in what the writer says; returns whether it should stop."""
        with self._lock:
            if not self.over:
                self._grow(message)
        self.news.set()
        return self.over

    def end(self, reason: str) -> None:
        """End the reply from outside; the text stays as it is, and an earlier end stands."""
        with self._lock:
            if not self.over:
                self._close(reason)
        self.news.set()

    @abstractmethod
    def _grow(self, message: dict[str, Any]) -> None:
        """Add what is new. The lock is held, and the reply isn't over."""

    def _close(self, reason: str) -> None:
        self.reply.duration_ms = self._elapsed()
        self.reply.stop_reason = reason

    def _elapsed(self) -> float:
        return (time.monotonic() - self._begun) * 1000
