"""Serving with transformers and PEFT. Knows no database and no person.

One decode thread owns the model. Between any two tokens it takes in new replies, drops those whose
reader left, and swaps adapters; so no forward is ever torn by a swap. Replies of one version share
forwards; while a swap drains, two versions take turns.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

from hitl_chat.engines.lanes import Lane, Prefill
from hitl_chat.engines.protocol import AdapterRejected, EngineBusy, Reply, Sampling, Turn
from hitl_chat.engines.rows import Row
from hitl_chat.engines.swap import Adapters, verified
from storage.models import BASE_VERSION
from training.base import Base
from training.forward import Runner
from training.prompts import render

log = logging.getLogger(__name__)

SLOTS = 16
"""Replies that are decoded at once."""
WAITING = 48
"""Replies that may wait for a slot."""
MAX_PROMPT = 2_048
"""Prompt tokens that are read; older turns are left out."""
UNKNOWN_CONTEXT = 1_024
"""Assumed where a model's config doesn't say how much it can look at."""


class TransformersEngine:
    """Serves one base model, bare or with adapters."""

    name = "transformers"
    adapts = True

    def __init__(self, base: Base, slots: int = SLOTS, waiting: int = WAITING) -> None:
        self.base = base.name
        self._base = base
        self._slots = slots
        self._limit = slots + waiting
        self._runner = Runner(base.model)
        self._adapters = Adapters(base, self._runner)
        self._adapters.smoke()  # the first forward is slow: nobody should wait for it
        # Shared with the threads that ask, under `_wake`:
        self._wake = threading.Condition()
        self._version = BASE_VERSION
        self._beside: str | None = None
        self._inbox: deque[Row] = deque()
        self._jobs: deque[tuple[Callable[[], None], Future[None]]] = deque()
        self._decoding = 0
        self._closed = False
        # Touched by the decode thread alone:
        self._prefills: deque[Prefill] = deque()
        self._lanes: dict[str, Lane] = {}
        self._activating = threading.Lock()
        self._thread = threading.Thread(target=self._decode, name="decode", daemon=True)
        self._thread.start()

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
        """Yield the growing reply: once empty, with its version, then whenever it has changed.

        A slow reader gets fewer, longer pieces. Closing the generator frees the row within one
        decode step.

        Raises:
            EngineBusy: the waiting line is full, or the engine is closing.
        """
        prompt = render(self._base.tokenizer, turns, prompt_room(self._base, sampling))
        row = self._enter(prompt, sampling, seed, beside=beside)
        try:
            yield row.reply
            over = False
            while not over:
                row.news.wait()
                row.news.clear()
                over = row.over  # read before the yield, so that the last piece is never missed
                yield row.reply
        finally:
            row.end("stop")

    def activate(self, version: str, folder: Path | None) -> None:
        """Check the adapter, load it beside the one that serves, try it, then switch.

        Raises:
            AdapterRejected: nothing changed.
        """
        with self._activating:
            if version == self._version:
                return
            if folder is not None:
                verified(version, folder, self._base)
            self._between_tokens(lambda: self._switch(version, folder))

    def accompany(self, version: str | None, folder: Path | None) -> None:
        """Keep a version loaded beside the one that serves; None lets go of it.

        Raises:
            AdapterRejected: nothing changed.
        """
        with self._activating:
            if version == self._beside:
                return
            if version and folder is not None:
                verified(version, folder, self._base)
            self._between_tokens(lambda: self._pair(version, folder))

    def close(self) -> None:
        """Stop all work; replies in flight end as they stand."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    def _between_tokens(self, job: Callable[[], None]) -> None:
        """Have the decode thread do something, and wait for it."""
        done: Future[None] = Future()
        with self._wake:
            if self._closed:
                raise AdapterRejected("The engine is closing.")
            self._jobs.append((job, done))
            self._wake.notify()
        done.result()

    def _enter(self, prompt: list[int], sampling: Sampling, seed: int, *, beside: bool) -> Row:
        """Put a reply into the line; from here on its version is fixed."""
        with self._wake:
            if self._closed:
                raise EngineBusy("The chat is closing. Try again shortly.")
            ahead = len(self._inbox) + self._decoding - self._slots
            if ahead >= self._limit - self._slots:
                raise EngineBusy.at(self._limit)
            version = (self._beside if beside else None) or self._version
            reply = Reply(version=version, seed=seed, ahead=max(0, ahead))
            row = Row(reply, prompt, sampling, self._base.tokenizer, self._base.stop_ids)
            self._inbox.append(row)
            self._wake.notify()
        return row

    # The decode thread

    def _decode(self) -> None:
        reason = "error"
        try:
            while self._admit():
                self._guarded(self._rows(), self._turn)
            reason = "stop"
        finally:
            self._end(reason)

    def _end(self, reason: str) -> None:
        """Let nothing new in, and end what is left: without this thread nobody else would."""
        with self._wake:
            self._closed = True
            left = [*self._inbox, *self._rows()]
            jobs = list(self._jobs)
        for row in left:
            row.end(reason)
        for _, done in jobs:
            done.set_exception(AdapterRejected("The engine is closing."))

    def _turn(self) -> None:
        """Do what is due between two tokens, then give every reply its next one."""
        self._run_jobs()
        if self._prefills:
            self._prefill(self._prefills[0])
        for version in list(self._lanes):
            self._step(version)

    def _admit(self) -> bool:
        """Wait for work and take in replies while there are slots; False once it is closing."""
        with self._wake:
            while not (self._closed or self._inbox or self._jobs or self._rows()):
                self._decoding = 0
                self._wake.wait()
            waiting = [row for row in self._inbox if not row.over]
            room = max(0, self._slots - len(self._rows()))
            for row in waiting[:room]:
                row.move_up(0)
                self._begin(row)
            self._inbox = deque(waiting[room:])
            for place, row in enumerate(self._inbox):
                row.move_up(place)
            self._decoding = len(self._rows())
            return not self._closed

    def _begin(self, row: Row) -> None:
        def begin() -> None:
            self._prefills.append(Prefill(row, self._runner, self._base.device))

        self._guarded([row], begin)

    def _rows(self) -> list[Row]:
        decoding = [row for lane in self._lanes.values() for row in lane.rows]
        return [prefill.row for prefill in self._prefills] + decoding

    def _run_jobs(self) -> None:
        while self._jobs:
            job, done = self._jobs.popleft()
            try:
                job()
            except Exception as error:  # noqa: BLE001 - raised again where it was asked for
                done.set_exception(error)
            else:
                done.set_result(None)

    def _switch(self, version: str, folder: Path | None) -> None:
        if folder is not None:
            self._adapters.load(version, folder)
        with self._wake:
            self._version = version
            self._beside = None if version == self._beside else self._beside
        self._retire()

    def _pair(self, version: str | None, folder: Path | None) -> None:
        if version and folder is not None:
            self._adapters.load(version, folder)
        with self._wake:
            self._beside = version
        self._retire()

    def _retire(self) -> None:
        """Unload the adapters that no reply will use any more."""
        with self._wake:
            needed = {row.reply.version for row in (*self._inbox, *self._rows())}
            needed |= {self._version, self._beside or self._version}
        self._adapters.retire(needed)

    def _prefill(self, prefill: Prefill) -> None:
        """Read one piece of a prompt; a row that has been read joins its lane."""
        row, version = prefill.row, prefill.row.reply.version
        self._guarded([row], lambda: self._read(prefill))
        if row.over:  # done at once, failed, or its reader left
            self._prefills.popleft()
            self._retire()
        elif prefill.done:
            self._prefills.popleft()
            lane = self._lanes.setdefault(version, Lane(self._runner, self._base.device))
            self._guarded([row, *lane.rows], lambda: lane.join(prefill))
            self._tidy(version, lane)

    def _read(self, prefill: Prefill) -> None:
        if not prefill.row.over:
            self._adapters.use(prefill.row.reply.version)
            prefill.step()

    def _step(self, version: str) -> None:
        """Give each row of a version one more token."""
        lane = self._lanes[version]
        self._guarded(list(lane.rows), lambda: self._forward(version, lane))
        self._tidy(version, lane)

    def _forward(self, version: str, lane: Lane) -> None:
        self._adapters.use(version)
        lane.step()

    def _tidy(self, version: str, lane: Lane) -> None:
        """Close a lane without live rows; after a failure that is all of them."""
        if all(row.over for row in lane.rows):
            del self._lanes[version]
            self._retire()

    def _guarded(self, rows: list[Row], work: Callable[[], None]) -> None:
        """Do `work`; should it fail, end these rows, so that everyone else's go on."""
        try:
            work()
        except Exception:
            log.exception("A forward failed; %d replies end here.", len(rows))
            for row in rows:
                row.end("error")


def prompt_room(base: Base, sampling: Sampling) -> int:
    """Return how many prompt tokens fit beside the answer."""
    context = int(getattr(base.model.config, "max_position_embeddings", None) or UNKNOWN_CONTEXT)
    return min(MAX_PROMPT, max(context - sampling.max_new_tokens, context // 2))
