"""How fast a version that people dislike is left: by itself, and by hand.

python -m benchmarks.rollback

Starts the app as a host does. People like what serves; then another version is forced upon them,
and everyone rates it down, until it is gone. Knows the app as a process, and not when it decides.
"""

import json
import os
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import closing
from statistics import median
from typing import Any

from benchmarks.bench import Amounts, Bench, prepared
from benchmarks.demo import Guest
from benchmarks.figures import Figure, table
from benchmarks.running import HEALTH, ServerFailed, serving
from benchmarks.simulate import tell
from hitl_chat.settings import SettingsError
from storage import adapters
from storage.database import Database
from storage.home import HomeError

AMOUNTS = Amounts(rounds=5, tokens=16, swaps=0, pause=0.0)
BEFORE = 6
"""People who like the version that serves first."""
MOST = 40
"""People who may dislike the forced one."""
PATIENCE = 3.0
"""Seconds after a rating within which its verdict is felt, or it wasn't the deciding one."""
LOOK_EVERY = 0.01


def main(env: Mapping[str, str]) -> int:
    """Run as a command; returns the exit status."""
    try:
        with prepared(env, AMOUNTS) as bench:
            sys.stdout.write(table(rollback(bench)))
    except (ServerFailed, SettingsError, HomeError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def rollback(bench: Bench) -> list[Figure]:
    """Have a forced version rated down, then leave it by hand, several times."""
    questions = bench.questions(BEFORE + MOST)
    with serving(bench.env) as app, closing(Database.open(bench.home)) as database:
        guest = Guest(app.address)
        for question in questions[:BEFORE]:
            guest.rate(guest.ask(question).message, 1)
        _force(database, app.address, bench.versions[1])
        given, itself = _rate_down(guest, questions[BEFORE:], app.address, bench.versions[0])
        reason = guest.status()["serving"]["reason"]
        by_hand = [_leave(database, app.address, *bench.versions) for _ in range(AMOUNTS.rounds)]
    hand = median(by_hand)
    tell(
        section="rollback",
        ratings=given,
        by_itself_s=round(itself, 2),
        by_hand_s=[round(seconds, 2) for seconds in by_hand],
        reason=reason,
    )
    return [
        Figure("deciding rating to an answer by the version before", itself, 60, True, " s"),  # noqa: FBT003
        Figure("by hand to the version before", hand, 1, True, " s"),  # noqa: FBT003
    ]


def _force(database: Database, address: str, version: str) -> None:
    database.write(lambda s: adapters.serve(s, version, "forced by a benchmark"))
    if not _serves(address, version, 60):
        raise ServerFailed(f"Version {version} didn't serve.")


def _rate_down(guest: Guest, questions: list[str], address: str, back: str) -> tuple[int, float]:
    """Rate the forced version down until `back` serves, and `back` up, if some still get it.

    Returns how many ratings that took, and how long after the last one it was felt.
    """
    for given, question in enumerate(questions, 1):
        answer = guest.ask(question)
        guest.rate(answer.message, 1 if answer.version == back else -1)
        begun = time.monotonic()
        if _serves(address, back, PATIENCE) and guest.ask(question).version == back:
            return given, time.monotonic() - begun
    raise ServerFailed(f"{len(questions)} dislikes decided nothing.")


def _leave(database: Database, address: str, back: str, forced: str) -> float:
    """Serve a version and leave it by hand; returns the seconds until the other one serves."""
    _force(database, address, forced)
    begun = time.monotonic()
    database.write(adapters.roll_back)
    if not _serves(address, back, 60):
        raise ServerFailed(f"Version {back} doesn't serve again.")
    return time.monotonic() - begun


def _serves(address: str, version: str, seconds: float) -> bool:
    """Wait until the next answer will be this version's; False if it takes longer."""
    until = time.monotonic() + seconds
    while _version(address) != version:
        if time.monotonic() > until:
            return False
        time.sleep(LOOK_EVERY)
    return True


def _version(address: str) -> str:
    with urllib.request.urlopen(address + HEALTH, timeout=10) as answer:  # noqa: S310 - our own
        state: dict[str, Any] = json.load(answer)
    return str(state["version"])


if __name__ == "__main__":
    sys.exit(main(os.environ))
