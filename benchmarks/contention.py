"""Chat while the trainer works, beside chat while there is none: what does training cost people?

Knows the trainer as the product starts it, not what it learns.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from benchmarks.bench import Bench
from benchmarks.clients import Clients
from benchmarks.crowd import Crowd
from benchmarks.demo import Guest
from benchmarks.figures import Figure
from benchmarks.replies import Batch, Speeds
from benchmarks.running import ROOT, Running, ServerFailed, end, serving
from benchmarks.simulate import tell
from benchmarks.speed import engine_of
from benchmarks.tastes import friendly
from benchmarks.visitor import Visitor
from hitl_chat.service import Service
from hitl_chat.settings import Settings
from storage.database import Database

QUESTIONS = 16
"""In a window, however many ask at once: of fewer the 95th percentile is the slowest of all."""
RATINGS = 32
UPDATES = "100"
"""More than a window lasts; each works as always."""
AT_WORK = "update"
"""The phase that takes nearly all of a cycle."""
WAIT_SECONDS = 300
TRAINER = (sys.executable, "-m", "training.worker", "--once", "--force")

Rounds = dict[tuple[str, int], list[Batch]]


def busy(bench: Bench) -> list[Figure]:
    """In each round chat without a trainer, then with one that is in the middle of its update."""
    _give_ratings(bench)
    rounds: Rounds = {}
    with serving(bench.env) as app:
        clients = Clients(app.address)
        clients.answer(bench.questions(QUESTIONS, start=-1), 8)  # warm up
        for _ in range(bench.amounts.rounds):
            _window(bench, clients, "idle", rounds)
            with _trainer(bench, app) as trainer:
                _window(bench, clients, "busy", rounds)
                if trainer.poll() is not None:
                    raise ServerFailed("The trainer ended before the chats did. Use fewer tokens.")
    speeds = {key: Speeds.of(batches, bench.count) for key, batches in rounds.items()}
    tell(section="busy", **{f"{name}_{n}": s.as_json() for (name, n), s in speeds.items()})
    return [figure for number in (1, 8) for figure in _figures(speeds, number)]


def _figures(speeds: dict[tuple[str, int], Speeds], number: int) -> list[Figure]:
    busy, idle = speeds["busy", number], speeds["idle", number]
    streams = "one stream" if number == 1 else f"{number} streams"
    return [
        Figure(f"trainer busy / idle, {streams}", busy.over(idle), 0.7),
        Figure(f"first token p95, busy / idle, {streams}", busy.p95 / idle.p95, 1.5, at_most=True),
    ]


def _window(bench: Bench, clients: Clients, name: str, rounds: Rounds) -> None:
    asked_before = sum(len(batch.heard) for batches in rounds.values() for batch in batches)
    for number in (1, 8):
        asked = bench.questions(QUESTIONS, asked_before)
        asked_before += len(asked)
        rounds.setdefault((name, number), []).append(clients.answer(asked, number))


def _give_ratings(bench: Bench) -> None:
    """Let people rate through the service, so that there is something to learn."""
    with ExitStack() as stack:
        engine = engine_of(bench, stack)
        database = stack.enter_context(closing(Database.open(bench.home)))
        settings = Settings.from_env(bench.env)
        service = Service(database, engine, settings, train_after=RATINGS)
        asked = bench.questions(RATINGS)
        Crowd(friendly, 0).rate(lambda: Visitor(service), asked, RATINGS, lambda _: None)


@contextmanager
def _trainer(bench: Bench, app: Running) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the trainer, from the middle of its update on; the next one repairs what this one leaves."""
    process = subprocess.Popen(  # noqa: S603 - our own module
        TRAINER, env={**bench.env, "HITL_UPDATES": UPDATES}, cwd=ROOT, stdout=sys.stderr
    )
    try:
        _wait_for_work(process, Guest(app.address))
        yield process
    finally:
        end(process)


def _wait_for_work(process: "subprocess.Popen[bytes]", guest: Guest) -> None:
    give_up = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < give_up:
        running = guest.status()["running"]
        if running and running["phase"] == AT_WORK:
            return
        if process.poll() is not None:
            raise ServerFailed("The trainer ended without an update; see its lines above.")
        time.sleep(0.5)
    raise ServerFailed(f"The trainer didn't come to its update in {WAIT_SECONDS} seconds.")
