"""The background process: runs a cycle when one is due, one at a time, and repairs what was left.

python -m training.worker                  run until stopped
python -m training.worker --once [--force] run one cycle and print one JSON line
"""

import argparse
import fcntl
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import IO, Any

import torch
from tqdm import tqdm

from storage import cycles, feedback
from storage.database import Database, DatabaseBusy, DatabaseUnusable, SeatTaken
from storage.home import Home, HomeError
from storage.models import now
from training import named
from training.base import ModelMissing, load_base, quick_dtype
from training.config import ConfigError, TrainingConfig
from training.cycle import PHASES, Outcome, Report, Workshop, run
from training.gguf import wanted
from training.process import stand_back
from training.reward import load_function

log = logging.getLogger("training")

POLL_SECONDS = 1.0
AFTER_FAILURE = 60.0
THREADS = "OMP_NUM_THREADS"
"""Where hosts say how many cores to use; a cycle uses all of them if they don't."""

INTERRUPTED = 128 + signal.SIGINT
"""What shells make of Ctrl-C."""

UNUSABLE = (ConfigError, ModelMissing, HomeError, DatabaseUnusable, DatabaseBusy)
"""What the host can mend; told in one line."""


class TrainerBusy(RuntimeError):
    """Another trainer works on this data folder; shown to whoever starts a second one."""


@dataclass(frozen=True)
class Setup:
    """What the host chose."""

    model: str
    config: TrainingConfig
    function: named.Function | None


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run as a command; returns the exit status."""
    options = _options().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        return _serve(options, env)
    except (*UNUSABLE, TrainerBusy, SeatTaken) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:  # as safe as kill -9 is: the next start repairs
        return INTERRUPTED


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.worker", description="Turn feedback into better adapters."
    )
    parser.add_argument("--once", action="store_true", help="run one cycle, print one JSON line")
    parser.add_argument("--force", action="store_true", help="with --once: run it even if not due")
    parser.add_argument("--attached", action="store_true", help="end when standard input closes")
    return parser


def _serve(options: argparse.Namespace, env: Mapping[str, str]) -> int:
    config, home = TrainingConfig.from_env(env), Home.from_env(env)
    own = load_function(config.reward_function) if config.reward_function else None
    setup = Setup(wanted(env), config, own)
    home.prepare()
    if THREADS not in env:  # which torch has read; by itself it may leave hyperthreads idle
        torch.set_num_threads(os.cpu_count() or 1)
    if options.attached:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is meant for the parent
        threading.Thread(target=_end_with_parent, daemon=True).start()
    with alone(home), closing(Database.open(home)) as database, database.seat() as check:
        for cycle in database.write(cycles.interrupt_running):
            log.warning("cycle %s was cut short; its feedback goes into the next one", cycle)
        if not options.once:
            _loop(database, home, setup, check)
            return 0
        if not options.force and not due(database, setup.config):
            return _tell({"cycle": None, "status": "not due", "counts": _counts(database)})
        outcome = _cycle(database, home, setup, bar=True)
        return _tell(asdict(outcome) | {"feedback": _counts(database)})


def _tell(result: dict[str, Any]) -> int:
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


def _counts(database: Database) -> dict[str, int]:
    with database.read() as session:
        return asdict(feedback.counts(session))


def _loop(database: Database, home: Home, setup: Setup, check: Callable[[], None]) -> None:
    """Run cycles as they fall due. A failed one is in the journal; the next needs new feedback.

    `check` raises when the connection was lost that kept others from training.
    """
    log.info("waiting for %s new ratings", setup.config.train_after)
    while True:
        check()
        if due(database, setup.config):
            try:
                outcome = _cycle(database, home, setup, bar=sys.stderr.isatty())
                log.info("cycle %s %s, version %s", outcome.cycle, outcome.status, outcome.version)
            except UNUSABLE:
                raise
            except Exception:  # the trainer must live to try again
                log.exception("the cycle failed")
                time.sleep(AFTER_FAILURE)  # one that failed before it was journalled is due still
        time.sleep(POLL_SECONDS)


def due(database: Database, config: TrainingConfig) -> bool:
    """Tell whether enough was said since the last cycle that came to an end, and it has been a while."""
    with database.read() as session:
        last, missing = cycles.settled(session), feedback.missing(session, config.train_after)
        ended = last.finished_at if last else None
    if ended and now() - ended < timedelta(seconds=config.train_every):
        return False
    return not missing


def _cycle(database: Database, home: Home, setup: Setup, *, bar: bool) -> Outcome:
    with _progress(bar=bar) as report:
        report("mark", 0.0, "loading the model")
        # Loaded for each cycle: between cycles the memory belongs to chat.
        base = load_base(setup.model, home, quick_dtype())
        return run(Workshop(database, home, base, setup.config, setup.function), report)


@contextmanager
def _progress(*, bar: bool) -> Iterator[Report]:
    with tqdm(total=len(PHASES), disable=not bar, bar_format="{l_bar}{bar}| {elapsed}") as shown:

        def report(phase: str, progress: float, detail: str) -> None:
            shown.n = PHASES.index(phase) + progress
            shown.set_description(f"{phase}: {detail}")

        yield report


@contextmanager
def alone(home: Home) -> Iterator[None]:
    """Hold the data folder's trainer lock; the system lets go of it however this process ends.

    Raises:
        TrainerBusy: another trainer holds it.
    """
    with (home.folder / "trainer.lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TrainerBusy(
                f"A trainer is at work already{_holder(lock)} on {home.folder}."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _holder(lock: IO[str]) -> str:
    lock.seek(0)
    pid = lock.read().strip()
    return f" (process {pid})" if pid else ""


def _end_with_parent() -> None:
    """Wait for the chat process to go. Ending here is as safe as kill -9: the next start repairs."""
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    stand_back()
    sys.exit(main(sys.argv[1:], os.environ))
