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
from benchmarks.mix import Mix, MixError, add_flags
from benchmarks.rater import Taste, TasteError, load_taste
from benchmarks.running import ROOT
from benchmarks.visitor import Visitor
from hitl_chat.engines import choice
from hitl_chat.follower import Follower
from hitl_chat.service import Service
from hitl_chat.settings import Settings, SettingsError
from storage.database import Database
from storage.home import Home, HomeError
from training.config import ConfigError, TrainingConfig

MAX_NEW_TOKENS = "64"


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run as a command; returns the exit status."""
    options = _options(argv)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        try:
            crowd = Crowd(load_taste(options.rater), options.seed, options.mix)
            return _simulate(crowd, options, _environment(env, folder), stack)
        except (TasteError, SettingsError, ConfigError, HomeError) as error:
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
    settings, config = Settings.from_env(env), TrainingConfig.from_env(env)
    engine = choice.load(settings)
    stack.callback(engine.close)
    database = Database.open(settings.home)
    stack.callback(database.close)
    service = Service(database, engine, settings, train_after=config.train_after)
    follower = Follower(database, engine, settings.home, service.loop.report)
    examiner = Visitor(service)
    rated, unseen = prompts(crowd.seed, options.unseen)

    before, _ = examine(examiner, crowd.taste, unseen, options.samples)
    tell(step="before", score=mean(before), seconds=_since(begun))

    def learn() -> dict[str, Any]:
        started = time.monotonic()
        trained = train(env, config.seed + crowd.seed)
        took = _since(started)
        tell(step="trained", seconds=_since(begun), **trained)
        follower.look()
        after, answers = examine(examiner, crowd.taste, unseen, options.samples)
        return {
            "before": mean(before),
            "after": mean(after),
            "win_rate": wins(after, before),
            "ratings": crowd.ratings,
            "given": dict(crowd.given),
            "took": took,
            "version": answers[-1].version,
            "verdict": trained.get("verdict"),
            "status": trained.get("status"),
        }

    due = deque(range(options.train_every, options.ratings, options.train_every))

    def told(ratings: int) -> None:
        tell(step="rating", ratings=ratings, seconds=_since(begun))
        if due and ratings >= due[0]:
            tell(step="learnt", due=due.popleft(), **learn())

    crowd.rate(lambda: Visitor(service), rated, options.ratings, told)
    last = learn()
    chosen = _best_of(crowd.taste, unseen, before, options, env)
    tell(due=options.ratings, **last, best_of=chosen, seconds=_since(begun))
    return 0


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
