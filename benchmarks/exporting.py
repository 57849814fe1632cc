"""Exports a million ratings to Parquet and to JSON lines, twice: time, memory, and the same bytes.

Every run is a process of its own, as the command would be. The database is drawn from a seed and
stands in a temporary folder. Prints one JSON line for each run.

    python -m benchmarks.exporting --ratings 1000000
"""

import argparse
import hashlib
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from storage.database import Database
from storage.home import Home
from storage.models import Conversation, Feedback, Message, Rater

PEOPLE = 1_000
TURNS = 4
BATCH = 5_000
START = datetime(2026, 1, 1, tzinfo=UTC)


def _text(draws: random.Random, words: int) -> str:
    """Return a text that in one of three cases holds a number, as texts do."""
    number = f" {draws.choice((7, 42, 1987, 25_000))}" if draws.random() < 1 / 3 else ""
    return f"{' '.join(draws.choices(WORDS, k=words))}{number}."


WORDS = ("the", "model", "answers", "that", "sky", "is", "blue", "because", "of", "light", "and")
ROLES = ("user", "assistant")
TEXTS = tuple([_text(random.Random(n), length) for n in range(1_000)] for length in (8, 45))
ANSWERED = (
    "base",
    "smollm2",
    "llamacpp",
    '{"temperature": 0.7, "top_p": 0.9}',
    7,
    40,
    60,
    80.5,
    910.0,
    "eos",
)
RATING = ("rater_id", "message_id", "kind", "value", "reasons", "comment", "created_at")


def main(argv: Sequence[str]) -> int:
    """Draw the database, export it in each form twice, print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exporting", description=__doc__)
    parser.add_argument("--ratings", type=int, default=1_000_000)
    parser.add_argument(
        "--formats", default="parquet,jsonl", help="as the export command names them"
    )
    parser.add_argument("--rounds", type=int, default=2)
    wanted = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(dir=os.environ.get("HITL_DATA_DIR")) as folder:
        home = Home.from_env({"HITL_DATA_DIR": folder})
        draw(home, wanted.ratings)
        for name in wanted.formats.split(","):
            for _ in range(wanted.rounds):
                _say({"ratings": wanted.ratings, "format": name, **export(home, name)})
    return 0


def draw(home: Home, ratings: int) -> None:
    """Fill a database with people who rate each of four answers in each conversation."""
    with closing(Database.open(home)) as database:
        draws = random.Random(0)
        people = [f"{number:032x}" for number in range(PEOPLE)]
        database.write(lambda s: s.execute(insert(Rater), [{"id": p} for p in people]).close())
        for first in range(0, ratings // TURNS, BATCH):
            last = min(first + BATCH, ratings // TURNS)
            database.write(
                partial(_conversations, draws=draws, people=people, numbers=range(first, last))
            )


def export(home: Home, name: str) -> dict[str, Any]:
    """Run the export command; returns seconds, peak memory and what the file holds."""
    out = home.exports / f"measured.{name}"
    command = [sys.executable, "-m", "storage.export", "--format", name, "--out", str(out)]
    started = time.monotonic()
    environment = {**os.environ, "HITL_DATA_DIR": str(home.folder)}
    process = os.posix_spawn(sys.executable, command, environment)
    _, status, usage = os.wait4(process, 0)
    seconds = time.monotonic() - started
    if status:
        raise RuntimeError(f"The export ended with {os.waitstatus_to_exitcode(status)}.")
    with out.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "seconds": round(seconds, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mb": round(usage.ru_maxrss / 1024),
        "file_mb": round(out.stat().st_size / 2**20),
        "sha256": digest,
    }


def _conversations(s: Session, draws: random.Random, people: list[str], numbers: range) -> None:
    talks, messages, ratings = [], [], []
    for number in numbers:
        talk, rater = f"c{number:031x}", draws.choice(people)
        talks.append((talk, rater, None, _time(number)))
        parent = None
        for turn in range(2 * TURNS):
            mine = f"{turn:x}{number:031x}"
            row = (
                mine,
                talk,
                parent,
                ROLES[turn % 2],
                draws.choice(TEXTS[turn % 2]),
                _time(number, turn),
            )
            messages.append(row + (ANSWERED if turn % 2 else (None,) * len(ANSWERED)))
            if turn % 2:
                rating = draws.choice((1, 1, -1))
                ratings.append((rater, mine, "rating", rating, "[]", "", row[-1]))
            parent = mine
    for table, rows in ((Conversation, talks), (Message, messages), (Feedback, ratings)):
        columns = RATING if table is Feedback else table.__table__.columns.keys()
        marks = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {table.__tablename__} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
        s.connection().exec_driver_sql(statement, rows)


def _time(number: int, turn: int = 0) -> str:
    """Return a time as SQLite keeps it."""
    return f"{START + timedelta(seconds=number, microseconds=turn):%Y-%m-%d %H:%M:%S.%f}"


def _say(figures: dict[str, Any]) -> None:
    sys.stdout.write(f"{json.dumps(figures)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
