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
from collections.abc import Iterator, Sequence
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
WORDS = (
    ["the", "a", "model", "answer", "says", "sky", "blue", "why", "because", "light", "long", "short", "water", "warm", "plain", "so", "it"]
)


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
        "peak_mb": round(usage.ru_maxrss / 1024),
        "file_mb": round(out.stat().st_size / 2**20),
        "sha256": digest,
    }


def _conversations(s: Session, draws: random.Random, people: list[str], numbers: range) -> None:
    talks, messages, feedback = [], [], []
    for number in numbers:
        rater = draws.choice(people)
        talk = f"c{number:031x}"
        talks.append(
            {"id": talk, "rater_id": rater, "created_at": START + timedelta(seconds=number)}
        )
        for message in _messages(draws, talk, number):
            messages.append(message)
            if message["role"] == "assistant":
                feedback.append(
                    {
                        "rater_id": rater,
                        "message_id": message["id"],
                        "kind": "rating",
                        "value": draws.choice((1, 1, -1)),
                        "reasons": [],
                        "comment": "",
                        "created_at": message["created_at"],
                    }
                )
    for table, rows in ((Conversation, talks), (Message, messages), (Feedback, feedback)):
        s.execute(insert(table), rows)


def _messages(draws: random.Random, talk: str, number: int) -> Iterator[dict[str, Any]]:
    parent = None
    for turn in range(2 * TURNS):
        mine = f"{turn:x}{number:031x}"
        answer = turn % 2 == 1
        yield {
            "id": mine,
            "conversation_id": talk,
            "parent_id": parent,
            "role": "assistant" if answer else "user",
            "text": " ".join(draws.choices(WORDS, k=40 if answer else 10)),
            "created_at": START + timedelta(seconds=number, milliseconds=turn),
            "version": "base" if answer else None,
            "base": "smollm2" if answer else None,
            "engine": "llamacpp" if answer else None,
            "sampling": {"temperature": 0.7, "top_p": 0.9} if answer else None,
            "seed": number if answer else None,
            "prompt_tokens": 40 if answer else None,
            "completion_tokens": 50 if answer else None,
            "first_token_ms": 80.0 if answer else None,
            "duration_ms": 900.0 if answer else None,
            "stop_reason": "eos" if answer else None,
        }
        parent = mine


def _say(figures: dict[str, Any]) -> None:
    sys.stdout.write(f"{json.dumps(figures)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
