"""Serving on a ZeroGPU Space, where each answer is lent a GPU for seconds. Knows no database.

The lender (`spaces.GPU`) runs a function in a process that it forks, which has CUDA; this one never
does. So each answer takes its version along, a swap changes one reference here, and a version is
tried on a GPU no sooner than by its first answer. Who asks pays with their own quota: the lender
finds them by Gradio's request, which is why an answer is written by the thread that asked.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import gradio

from hitl_chat.engines.lent import Lent, Order
from hitl_chat.engines.protocol import AdapterRejected, EngineBusy, Reply, Sampling, Turn
from hitl_chat.engines.swap import verified
from hitl_chat.engines.transformers import prompt_room
from storage.models import BASE_VERSION
from training.base import Base
from training.prompts import render

log = logging.getLogger(__name__)

LIMIT = 64
"""Replies in flight; the lender has its own waiting line."""
GIVEN_UP = "The GPU gave up on this answer. Try again shortly."

Write = Callable[[Order], Any]
"""Yields a reply's states, and can be closed."""
Lend = Callable[[Write], Write]
"""Makes a function run where there is a GPU."""


class ZeroGpuEngine:
    """Serves one base model, bare or with adapters, on GPUs that are lent."""

    name = "zerogpu"
    adapts = True

    def __init__(self, base: Base, lend: Lend, limit: int = LIMIT) -> None:
        """`lend` is `spaces.GPU` with a duration."""
        self.base = base.name
        self._base = base
        self._write = lend(Lent(base).write)
        self._limit = limit
        # Under `_lock`:
        self._lock = threading.Lock()
        self._folders: dict[str, Path | None] = {BASE_VERSION: None}
        self._version = BASE_VERSION
        self._beside: str | None = None
        self._writing = 0
        self._closed = False

    @property
    def version(self) -> str:
        """The version that the next reply will use."""
        return self._version

    @property
    def beside(self) -> str | None:
        """The version that is kept ready beside that one, if any."""
        return self._beside

    def stream(
        self, turns: list[Turn], sampling: Sampling, seed: int, *, beside: bool = False
    ) -> Iterator[Reply]:
        """Yield the growing reply: once empty, with its version, then after each token.

        Closing the generator stops the work at its next token; while it waits for a GPU it can't be
        closed.

        Raises:
            EngineBusy: too many replies are in flight, or the engine is closing; or, after the first
                yield, no GPU is to be had, as when a quota is used up.
        """
        prompt = render(self._base.tokenizer, turns, prompt_room(self._base, sampling))
        order = self._enter(prompt, sampling, seed, beside=beside)
        reply = Reply(version=order.version, seed=seed, prompt_tokens=len(prompt))
        try:
            yield reply
            yield from self._written(order, reply)
        finally:
            reply.stop_reason = reply.stop_reason or "stop"
            with self._lock:
                self._writing -= 1

    def activate(self, version: str, folder: Path | None) -> None:
        """Check the adapter's folder, then have new replies take it along.

        Raises:
            AdapterRejected: nothing changed.
        """
        self._check(version, folder)
        with self._lock:
            self._version = version
            self._beside = None if version == self._beside else self._beside
            self._forget()

    def accompany(self, version: str | None, folder: Path | None) -> None:
        """Have replies that ask for it take `version` along; None lets go of it.

        Raises:
            AdapterRejected: nothing changed.
        """
        if version is not None:
            self._check(version, folder)
        with self._lock:
            self._beside = version
            self._forget()

    def close(self) -> None:
        """Take no more questions; replies in flight end at their next token, as they stand."""
        with self._lock:
            self._closed = True

    def _check(self, version: str, folder: Path | None) -> None:
        if self._closed:
            raise AdapterRejected("The engine is closing.")
        if folder is not None and version not in self._folders:
            verified(version, folder, self._base)
        with self._lock:
            self._folders[version] = folder

    def _forget(self) -> None:
        kept = {BASE_VERSION, self._version, self._beside}
        self._folders = {v: folder for v, folder in self._folders.items() if v in kept}

    def _enter(self, prompt: list[int], sampling: Sampling, seed: int, *, beside: bool) -> Order:
        """Count a reply in; from here on its version is fixed."""
        with self._lock:
            if self._closed:
                raise EngineBusy("The chat is closing. Try again shortly.")
            if self._writing >= self._limit:
                raise EngineBusy.at(self._limit)
            self._writing += 1
            version = (self._beside if beside else None) or self._version
            return Order(version, self._folders[version], prompt, sampling, seed)

    def _written(self, order: Order, reply: Reply) -> Iterator[Reply]:
        """Have an answer written, and bring its states into `reply`."""
        begun = time.monotonic()
        try:
            with closing(self._write(order)) as states:
                for state in states:
                    _grow(reply, state, (time.monotonic() - begun) * 1000)
                    closed = self._closed
                    if closed:
                        reply.stop_reason = reply.stop_reason or "stop"
                    yield reply
                    if closed:
                        return
        except gradio.Error as error:  # the lender's way to speak to people
            log.warning("No GPU for an answer: %s", error.message)
            yield _broken_off(reply, f"No GPU for this answer. {error.message}")
        except Exception:
            log.exception("A reply ends here.")
            yield _broken_off(reply, GIVEN_UP)


def _grow(reply: Reply, state: Reply, elapsed: float) -> None:
    """Bring a reply to its newest state; the clock is the person's, who waited for the GPU too."""
    reply.text, reply.completion_tokens = state.text, state.completion_tokens
    reply.duration_ms = elapsed
    if state.completion_tokens:
        reply.first_token_ms = reply.first_token_ms or elapsed
    reply.stop_reason = state.stop_reason


def _broken_off(reply: Reply, told: str) -> Reply:
    """End a reply that has text; for one without, raise what the person is told."""
    if not reply.text:
        raise EngineBusy(told)
    reply.stop_reason = "error"
    return reply
