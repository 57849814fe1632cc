"""A small real engine for tests: says what it was told to say. Knows no model."""

import math
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from hitl_chat.engines.protocol import AdapterRejected, EngineBusy, Reply, Sampling, Turn

BASE_VERSION = "base"
LOOK = 0.02
"""Seconds between two looks at whether a reply may go on."""


class ScriptedEngine:
    """Answers from a queue, else echoes the last question; one word is one token.

    An enqueued exception is raised in place of an answer: before the first word, or, as the
    second of a pair `(text, error)`, after the text.
    """

    def __init__(
        self,
        delay: float = 0.0,
        slots: int = 1_000,
        ahead: int = 0,
        *,
        adapts: bool = True,
        hold: Path | None = None,
    ) -> None:
        """While there is a file at `hold`, no reply takes more steps than it says.

        A step is a place in the queue or a word. So tests see what lasts only a moment, however
        slow the machine.
        """
        self.name = "scripted"
        self.base = "scripted-base"
        self.adapts = adapts
        self.delay = delay
        self.asked: list[list[Turn]] = []
        """What each reply was asked, in order."""
        self.bad_versions: set[str] = set()
        """Versions that `activate` refuses."""
        self.silent = False
        """Whether `activate` can't do its work now."""
        self.beside: str | None = None
        """The version kept beside."""
        self.active = 0
        """Replies in flight."""
        self._slots = slots
        self._ahead = ahead  # who wait before each reply; one leaves with each `delay`
        self._hold = hold
        self._version = BASE_VERSION
        self._script: deque[str | Exception | tuple[str, Exception]] = deque()
        self._lock = threading.Lock()

    @property
    def version(self) -> str:
        """The version that the next reply will use."""
        return self._version

    def enqueue(self, *answers: str | Exception | tuple[str, Exception]) -> None:
        """Say these next, one to each reply."""
        self._script.extend(answers)

    def stream(
        self, turns: list[Turn], sampling: Sampling, seed: int, *, beside: bool = False
    ) -> Iterator[Reply]:
        """Yield an empty reply with its version, then after each word."""
        with self._lock:
            if self.active >= self._slots:
                raise EngineBusy.at(self._slots)
            self.active += 1
            self.asked.append([dict(turn) for turn in turns])
            planned = self._script.popleft() if self._script else f"Echo: {turns[-1]['content']}"
        version = (self.beside if beside else None) or self._version
        reply = Reply(version=version, seed=seed, ahead=self._ahead)
        try:
            if isinstance(planned, Exception):
                raise planned
            text, error = planned if isinstance(planned, tuple) else (planned, None)
            yield reply
            for step in range(self._ahead):
                yield from self._held(reply, step)
                reply.ahead -= 1
                yield reply
            yield from self._words(reply, text, sampling)
            if error:
                raise error
            if reply.stop_reason is None:
                reply.stop_reason = "eos"
                yield reply
        finally:
            reply.stop_reason = reply.stop_reason or "stop"
            with self._lock:
                self.active -= 1

    def activate(self, version: str, folder: Path | None) -> None:
        """Switch, unless the version is one of `bad_versions`."""
        del folder
        if self.silent:
            raise EngineBusy("The model's server doesn't answer.")
        if version in self.bad_versions:
            raise AdapterRejected(f"Adapter {version} holds NaN or infinity.")
        self._version = version
        self.beside = None if version == self.beside else self.beside

    def accompany(self, version: str | None, folder: Path | None) -> None:
        """Keep a version beside, unless it is one of `bad_versions`."""
        del folder
        if version in self.bad_versions:
            raise AdapterRejected(f"Adapter {version} holds NaN or infinity.")
        self.beside = version

    def close(self) -> None:
        """Nothing to free."""

    def _words(self, reply: Reply, text: str, sampling: Sampling) -> Iterator[Reply]:
        begun = time.monotonic()
        for count, word in enumerate(text.split(" ")):
            if count == sampling.max_new_tokens:
                reply.stop_reason = "length"
                yield reply
                return
            yield from self._held(reply, self._ahead + count)
            reply.text += f" {word}" if count else word
            reply.completion_tokens += 1
            reply.duration_ms = (time.monotonic() - begun) * 1000
            reply.first_token_ms = reply.first_token_ms or reply.duration_ms
            yield reply

    def _held(self, reply: Reply, steps: int) -> Iterator[Reply]:
        """Take the time of a step, and until it may be taken say nothing new, as who waits does."""
        if self.delay:
            time.sleep(self.delay)
        while steps >= self._most():
            time.sleep(LOOK)
            yield reply

    def _most(self) -> float:
        """Return how many steps may be taken."""
        try:
            return int(self._hold.read_text()) if self._hold else math.inf
        except FileNotFoundError:
            return math.inf
