"""Swaps between two versions while eight people are answered: is any reply hurt by them?

Knows the engine, not the database: who decides what serves is left out.
"""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.replies import percentile
from benchmarks.sides import STREAMS
from benchmarks.simulate import tell
from benchmarks.speed import engine_of
from hitl_chat.engines.protocol import Engine, EngineBusy, Sampling

QUESTIONS = 48
CALM = 48
"""Replies without swaps, half of them before and half after."""
BLOCKED = 5.0
"""Seconds without a first token that count as blocked."""


@dataclass(frozen=True)
class Stored:
    """A reply with the version that it is stamped with."""

    prompt: str
    version: str
    text: str
    first_s: float
    failed: bool


def swaps(bench: Bench) -> list[Figure]:
    """Swap, then draw every stored reply again, alone, with its version."""
    with ExitStack() as stack:
        engine = engine_of(bench, stack)
        talk = Talk(
            engine, Sampling(0, max_new_tokens=bench.amounts.tokens), bench.questions(QUESTIONS)
        )
        talk.some(STREAMS)  # warm up
        calm = talk.some(CALM // 2)
        stormy, seconds = _storm(bench, engine, talk)
        calm += talk.some(CALM // 2)
        mixed = _mixed(bench, engine, talk, stormy)
    failed = sum(one.failed for one in stormy)
    blocked = sum(one.first_s > BLOCKED for one in stormy)
    quiet, busy = (percentile([s.first_s for s in some], 95) for some in (calm, stormy))
    tell(
        section="swaps",
        swaps=bench.amounts.swaps,
        pause_s=bench.amounts.pause,
        replies=len(stormy),
        versions=len({one.version for one in stormy}),
        seconds=round(seconds, 1),
        failed=failed,
        blocked=blocked,
        mixed=mixed,
        first_p95_ms={"calm": round(quiet * 1000, 1), "swaps": round(busy * 1000, 1)},
    )
    return [
        Figure(f"{bench.amounts.swaps} swaps, failed replies", failed, 0, at_most=True),
        Figure(f"{bench.amounts.swaps} swaps, blocked replies", blocked, 0, at_most=True),
        Figure(f"{bench.amounts.swaps} swaps, mixed replies", mixed, 0, at_most=True),
        Figure("swaps, first token p95 more by", (busy - quiet) * 1000, 250, True, " ms"),  # noqa: FBT003
    ]


class Talk:
    """People who ask one question after the other, greedily answered."""

    def __init__(self, engine: Engine, sampling: Sampling, prompts: Sequence[str]) -> None:
        self._engine = engine
        self._sampling = sampling
        self._prompts = prompts
        self._next = count()

    def some(self, number: int) -> list[Stored]:
        """Ask `number` questions, eight at a time."""
        with ThreadPoolExecutor(STREAMS) as pool:
            return [one.result() for one in [pool.submit(self._one) for _ in range(number)]]

    def until(self, over: threading.Event, pool: ThreadPoolExecutor) -> list[Future[list[Stored]]]:
        """Let eight people ask until it is over."""
        return [pool.submit(self._many, over) for _ in range(STREAMS)]

    def ask(self, prompt: str) -> Stored:
        """Ask one question."""
        begun = time.monotonic()
        first: float | None = None
        version = text = ""
        reason: str | None = "error"
        try:
            for reply in self._engine.stream(
                [{"role": "user", "content": prompt}], self._sampling, 0
            ):
                if reply.text and first is None:
                    first = time.monotonic() - begun
                version, text, reason = reply.version, reply.text, reply.stop_reason
        except EngineBusy:
            reason = "error"
        if first is None:
            first = time.monotonic() - begun
        return Stored(prompt, version, text, first, failed=reason not in ("eos", "length"))

    def _one(self) -> Stored:
        return self.ask(self._prompts[next(self._next) % len(self._prompts)])

    def _many(self, over: threading.Event) -> list[Stored]:
        told = []
        while not over.is_set():
            told.append(self._one())
        return told


def _storm(bench: Bench, engine: Engine, talk: Talk) -> tuple[list[Stored], float]:
    """Swap to and fro while people ask; returns the replies, and how long it took."""
    over = threading.Event()
    begun = time.monotonic()
    with ThreadPoolExecutor(STREAMS) as pool:
        asking = talk.until(over, pool)
        try:
            for place in range(bench.amounts.swaps):
                time.sleep(bench.amounts.pause)
                version = bench.versions[(place + 1) % 2]
                engine.activate(version, bench.home.adapters / version)
        finally:
            over.set()
        stored = [one for people in asking for one in people.result()]
    return stored, time.monotonic() - begun


def _mixed(bench: Bench, engine: Engine, talk: Talk, stormy: Sequence[Stored]) -> int:
    """Count replies that their version, asked again, gives otherwise."""
    mixed = 0
    for version in bench.versions:
        engine.activate(version, bench.home.adapters / version)
        theirs = [one for one in stormy if one.version == version and not one.failed]
        again = {prompt: talk.ask(prompt).text for prompt in {one.prompt for one in theirs}}
        mixed += sum(one.text != again[one.prompt] for one in theirs)
    return mixed
