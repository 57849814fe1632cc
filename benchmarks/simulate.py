"""Simulated raters use the product as people do; then it trains, and they look again.

python -m benchmarks.simulate --rater FILE.py:FUNCTION --ratings 128 --seed 0

Starts from an empty data folder, chats and rates through the service, runs one cycle in the
trainer's own process, or one after each `--train-every` ratings, and prints JSON lines. The last one
holds `before` and `after`: the rater's true mean score on prompts that it never rated.
`FUNCTION(prompt, response)` returns 0 to 1; some are in `benchmarks/tastes.py`. Flags say who else
chats, and how people err: see `--help`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.crowd import Crowd
from benchmarks.exams import examine, prompts, wins
from benchmarks.minds import Taste
from benchmarks.mix import Mix, MixError, add_flags
from benchmarks.running import ROOT
from benchmarks.visitor import Visitor
from benchmarks.visits import Answer
from hitl_chat.engines import choice
from hitl_chat.follower import Follower
from hitl_chat.service import Service
from hitl_chat.settings import Settings, SettingsError
from storage.database import Database
from storage.home import Home, HomeError
from training.config import ConfigError, TrainingConfig
from training.named import Unusable, load

MAX_NEW_TOKENS = "64"


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run as a command; returns the exit status."""
    options = _options(argv)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        try:
            crowd = Crowd(load(options.rater), options.seed, options.mix)
            return _simulate(crowd, options, _environment(env, folder), stack)
        except (Unusable, SettingsError, ConfigError, HomeError) as error:
            sys.stderr.write(f"{error}\n")
            return 2


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulate")
    parser.add_argument("--rater", required=True, metavar="FILE.py:FUNCTION")
    parser.add_argument("--ratings", type=int, default=128, help="honest thumbs to give")
    parser.add_argument(
        "--train-every", type=int, metavar="N", help="a cycle after so many of them; one at the end"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--unseen", type=int, default=48, help="prompts that nobody rates")
    parser.add_argument("--samples", type=int, default=1, help="answers to each of these")
    parser.add_argument(
        "--best-of", type=int, default=1, help="also how good the head's choice of so many would be"
    )
    add_flags(parser)
    options = parser.parse_args(argv)
    options.train_every = options.ratings if options.train_every is None else options.train_every
    bounds = {
        "ratings": 100_000,
        "train_every": 100_000,
        "unseen": 200,
        "samples": 100,
        "best_of": 64,
    }
    for name, most in bounds.items():
        if not 1 <= getattr(options, name) <= most:
            flag = name.replace("_", "-")
            parser.error(f"--{flag} is {getattr(options, name)}; use 1 to {most}")
    try:
        options.mix = Mix.from_options(options)
    except MixError as error:
        parser.error(str(error))
    return options


def _environment(env: Mapping[str, str], folder: str) -> dict[str, str]:
    """Return an environment with an empty data folder."""
    models_shared(env, Path(folder))
    return {"HITL_MAX_NEW_TOKENS": MAX_NEW_TOKENS, **env, "HITL_DATA_DIR": folder}


def models_shared(env: Mapping[str, str], folder: Path) -> None:
    """Let an empty data folder use the converted models that are there already."""
    models = Home.from_env(env).models
    models.mkdir(parents=True, exist_ok=True)
    (folder / "models").symlink_to(models, target_is_directory=True)


def _simulate(
    crowd: Crowd, options: argparse.Namespace, env: dict[str, str], stack: ExitStack
) -> int:
    begun = time.monotonic()
    rated, unseen = prompts(crowd.seed, options.unseen)
    study = Study(crowd, unseen, options.samples, env, stack)
    tell(step="before", score=mean(study.before), seconds=_since(begun))
    due = deque(range(options.train_every, options.ratings, options.train_every))

    def rating(number: int) -> None:
        tell(step="rating", ratings=number, seconds=_since(begun))
        if due and number >= due[0]:
            tell(step="learnt", due=due.popleft(), **study.learn(), seconds=_since(begun))

    crowd.rate(lambda: Visitor(study.service), rated, options.ratings, rating)
    last = study.learn()
    best_of = _best_of(crowd.taste, unseen, study.before, options, env)
    tell(due=options.ratings, **last, best_of=best_of, seconds=_since(begun))
    return 0


class Study:
    """A service, and what a crowd truly thinks of its answers to prompts that nobody rates."""

    def __init__(
        self,
        crowd: Crowd,
        unseen: Sequence[str],
        samples: int,
        env: Mapping[str, str],
        stack: ExitStack,
    ) -> None:
        settings, config = Settings.from_env(env), TrainingConfig.from_env(env)
        engine = choice.load(settings)
        stack.callback(engine.close)
        database = Database.open(settings.home)
        stack.callback(database.close)
        self.service = Service(database, engine, settings, train_after=config.train_after)
        self._follower = Follower(database, engine, settings.home, self.service.loop.report)
        self._examiner = Visitor(self.service)
        self._crowd, self._unseen, self._samples = crowd, unseen, samples
        self._env, self._seed = env, config.seed + crowd.seed
        self.before, _ = self._examine()

    def learn(self) -> dict[str, Any]:
        """Run a cycle, let the chat follow it, and look again."""
        started = time.monotonic()
        trained = train(self._env, self._seed)
        took = _since(started)
        tell(step="trained", **trained, took=took)
        self._follower.look()
        after, answers = self._examine()
        return {
            "before": mean(self.before),
            "after": mean(after),
            "win_rate": wins(after, self.before),
            "ratings": self._crowd.ratings,
            "given": dict(self._crowd.given),
            "took": took,
            "version": answers[-1].version,
            "verdict": trained.get("verdict"),
            "exams": (trained.get("ppo") or {}).get("exams", []),
            "status": trained.get("status"),
        }

    def _examine(self) -> tuple[list[float], list[Answer]]:
        return examine(self._examiner, self._crowd.taste, self._unseen, self._samples)


def _best_of(
    taste: Taste,
    prompts: Sequence[str],
    before: Sequence[float],
    options: argparse.Namespace,
    env: Mapping[str, str],
) -> dict[str, float] | None:
    """Return what the head's choice among several answers would come to, if that is asked for."""
    if options.best_of < 2:
        return None
    # Whoever measures the speed of chat imports this module, and needs no torch.
    from benchmarks.best_of import best_of  # noqa: PLC0415

    chosen = best_of(options.best_of, taste, prompts, env)
    return {"score": mean(chosen), "win_rate": wins(chosen, before)} if chosen else None


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
