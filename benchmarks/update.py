"""One PPO update beside TRL's last: python -m benchmarks.update --rounds 3

32 answers of 48 tokens to people's prompts, two epochs, LoRA of rank 16, the same model in the same
precision; drawing the answers is part of it. TRL dropped its PPO trainer after 1.12
(huggingface/trl#7020), so that release is fetched into a folder of its own, beside the libraries that
are here. The two sides take turns, each in a process of its own whose peak memory counts. Knows
neither side from within.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure, table
from benchmarks.running import ROOT
from benchmarks.simulate import tell
from storage.home import Home

TRL = "trl==1.12.0"
SIDES = {"ours": "benchmarks.update_ours", "trl": "benchmarks.update_trl"}
"""Modules that print one JSON line with `seconds` and `peak_mb`."""


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run as a command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.update")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(argv)
    home = Home.from_env(env)
    home.prepare()
    theirs = {**env, "PYTHONPATH": str(_fetched(home.models / TRL))}
    found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for number in range(options.rounds):
        for side in SIDES:
            one = _measure(SIDES[side], theirs if side == "trl" else env)
            tell(round=number + 1, side=side, **one)
            found[side].append(one)
    sys.stdout.write(table(_figures(found)))
    return 0


def _fetched(folder: Path) -> Path:
    """Return the folder with TRL 1.12 alone in it, fetched once."""
    if not (folder / "trl").exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*command, "--target", str(folder), TRL], check=True)  # noqa: S603 - pip
    return folder


def _measure(module: str, env: Mapping[str, str]) -> dict[str, float]:
    command = [sys.executable, "-m", module]
    done = subprocess.run(  # noqa: S603 - our own interpreter and modules
        command, env=env, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    line: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return line


def _figures(found: Mapping[str, Sequence[Mapping[str, float]]]) -> list[Figure]:
    """Return medians of ours, and of the ratios of TRL's to ours in each round."""

    def ratio(name: str) -> float:
        pairs = zip(found["trl"], found["ours"], strict=True)
        return median(theirs[name] / ours[name] for theirs, ours in pairs)

    return [
        Figure("an update, as fast as TRL 1.12's", ratio("seconds"), 4, unit="x"),
        Figure("peak memory of TRL 1.12's, in ours", ratio("peak_mb"), 4, unit="x"),
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
