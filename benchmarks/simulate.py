"""Simulated raters use the product as people do; then it trains, and they look again.

python -m benchmarks.simulate --rater FILE.py:FUNCTION --ratings 128 --seed 0

Starts from an empty data folder, chats and rates through the service, runs one cycle in the
trainer's own process and prints JSON lines. The last one holds `before` and `after`: the rater's
true mean score on prompts that it never rated. `FUNCTION(prompt, response)` returns 0 to 1.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.exams import examine, prompts, wins
from benchmarks.people import Crowd
from benchmarks.rater import TasteError, load_taste
from benchmarks.running import ROOT
from benchmarks.visits import Answer
from hitl_chat.engines import choice
from hitl_chat.follower import Follower
from hitl_chat.service import Draft, Service
from hitl_chat.settings import Settings, SettingsError
from storage.database import Database
from storage.home import Home, HomeError
from training.config import ConfigError, TrainingConfig

UNSEEN = 48
MAX_NEW_TOKENS = "64"


class Visitor:
    """A person who uses the service in this process."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._rater = service.start()

    def ask(self, text: str) -> Answer:
        """Ask in a new conversation."""
        started = self._service.start(self._rater.token)
        return _last(self._service.ask(started.rater, started.conversation, text))

    def regenerate(self, message: str) -> Answer:
        """Ask for another draft."""
        return _last(self._service.regenerate(self._rater.rater, message))

    def rate(self, message: str, value: int) -> None:
        """Give a thumb."""
        self._service.rate(self._rater.rater, message, value)


def _last(drafts: Any) -> Answer:  # noqa: ANN401 - any iterator of drafts
    draft: Draft | None = None
    for draft in drafts:  # noqa: B007 - the last one is wanted
        pass
    if draft is None:
        raise RuntimeError("The service answered nothing.")
    return Answer(draft.message, draft.text, draft.version)


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run as a command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulate")
    parser.add_argument("--rater", required=True, metavar="FILE.py:FUNCTION")
    parser.add_argument("--ratings", type=int, default=128, help="thumbs to give, 1 or more")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    if options.ratings < 1:
        parser.error(f"--ratings is {options.ratings}; use 1 or more")
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        try:
            crowd = Crowd(load_taste(options.rater), options.seed)
            return _simulate(crowd, options.ratings, _environment(env, folder), stack)
        except (TasteError, SettingsError, ConfigError, HomeError) as error:
            sys.stderr.write(f"{error}\n")
            return 2


def _environment(env: Mapping[str, str], folder: str) -> dict[str, str]:
    """Return an environment with an empty data folder."""
    models_shared(env, Path(folder))
    return {"HITL_MAX_NEW_TOKENS": MAX_NEW_TOKENS, **env, "HITL_DATA_DIR": folder}


def models_shared(env: Mapping[str, str], folder: Path) -> None:
    """Let an empty data folder use the converted models that are there already."""
    models = Home.from_env(env).models
    models.mkdir(parents=True, exist_ok=True)
    (folder / "models").symlink_to(models, target_is_directory=True)


def _simulate(crowd: Crowd, number: int, env: dict[str, str], stack: ExitStack) -> int:
    begun = time.monotonic()
    settings, config = Settings.from_env(env), TrainingConfig.from_env(env)
    engine = choice.load(settings)
    stack.callback(engine.close)
    database = Database.open(settings.home)
    stack.callback(database.close)
    service = Service(database, engine, settings, train_after=config.train_after)
    follower = Follower(database, engine, settings.home, service.report)
    visit = Visitor(service)
    rated, unseen = prompts(crowd.seed, UNSEEN)

    before, _ = examine(visit, crowd.taste, unseen)
    tell(step="before", score=mean(before), seconds=_since(begun))
    crowd.rate(
        visit, rated, number, lambda n: tell(step="rating", ratings=n, seconds=_since(begun))
    )
    trained = train(env, config.seed + crowd.seed)
    tell(step="trained", seconds=_since(begun), **trained)
    follower.look()
    after, answers = examine(visit, crowd.taste, unseen)
    tell(
        before=mean(before),
        after=mean(after),
        win_rate=wins(after, before),
        ratings=crowd.ratings,
        seconds=_since(begun),
        version=answers[-1].version,
        verdict=trained.get("verdict"),
        status=trained.get("status"),
    )
    return 0


def train(env: Mapping[str, str], seed: int) -> dict[str, Any]:
    """Run one cycle in a trainer process, as the product does, and return what it printed."""
    command = [sys.executable, "-m", "training.worker", "--once", "--force"]
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        command,
        env={**env, "HITL_SEED": str(seed)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"The trainer ended with status {done.returncode}; see its lines above.")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def tell(**values: Any) -> None:  # noqa: ANN401 - JSON
    """Print one JSON line."""
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def mean(values: Sequence[float]) -> float:
    """Return the arithmetic mean."""
    return sum(values) / len(values)


def _since(begun: float) -> float:
    return round(time.monotonic() - begun, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
