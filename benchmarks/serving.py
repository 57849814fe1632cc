"""The speed of chat, beside what people would use instead, with the required figures.

python -m benchmarks.serving [streams] [http] [swaps] [start] [crowd] [busy] [--rounds 5]

Without names, all of them. Prints a JSON line for each and at the end a table. Sides alternate in
one run; figures are medians over rounds, first tokens percentiles over all rounds together. Tokens
are counted with the model's tokenizer on the text that arrived, for all sides alike.
Knows the sections by name, not what they do.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence

from benchmarks.bench import Amounts, Bench, prepared
from benchmarks.contention import busy
from benchmarks.figures import Figure, table
from benchmarks.overload import crowd
from benchmarks.running import ServerFailed
from benchmarks.speed import http, streams
from benchmarks.startup import start
from benchmarks.swaps import swaps
from hitl_chat.settings import SettingsError
from storage.home import HomeError

SECTIONS: dict[str, Callable[[Bench], list[Figure]]] = {
    "streams": streams,
    "http": http,
    "swaps": swaps,
    "start": start,
    "crowd": crowd,
    "busy": busy,  # last: it leaves ratings behind, and a trainer's journal
}
MOST_TOKENS = 256
MOST_SECONDS = 600.0


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run as a command; returns the exit status."""
    options = _options(argv)
    figures: list[Figure] = []
    try:
        amounts = Amounts(options.rounds, options.tokens, options.swaps, options.pause)
        with prepared(env, amounts) as bench:
            for name, section in SECTIONS.items():
                if name in options.sections:
                    figures += section(bench)
    except (ServerFailed, SettingsError, HomeError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(table(figures))
    return 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    names = ", ".join(SECTIONS)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving", description="Measure the speed of chat."
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"{names}; default all")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each section")
    parser.add_argument("--tokens", type=int, default=64, help="longest answer")
    parser.add_argument("--swaps", type=int, default=50, help="swaps of that section")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between two of them")
    options = parser.parse_args(argv)
    for name in options.sections:
        if name not in SECTIONS:
            parser.error(f"unknown section '{name}'; use {names}")
    for name, most in (("rounds", 100), ("tokens", MOST_TOKENS), ("swaps", 1_000)):
        if not 1 <= getattr(options, name) <= most:
            parser.error(f"--{name} is {getattr(options, name)}; use 1 to {most}")
    if not 0 <= options.pause <= MOST_SECONDS:
        parser.error(f"--pause is {options.pause}; use 0 to {MOST_SECONDS:g}")
    options.sections = options.sections or list(SECTIONS)
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
