"""What was acknowledged is there, whenever the process that wrote it dies."""

import os
import signal
import subprocess
import sys

from sqlalchemy import func, select, text

from storage.database import Database
from storage.home import Home
from storage.models import Feedback
from tests.conftest import env_of

WRITE_RATINGS = """
import os, threading
from storage import conversations, feedback
from storage.database import Database
from storage.home import Home

database = Database.open(Home.from_env(os.environ))

def talk(session):
    rater = conversations.add_rater(session)
    conversation = conversations.start(session, rater.id)
    question = conversations.say(session, conversation, "Hi")
    answer = conversations.open_answer(
        session, conversation, question,
        version="base", base="tiny", engine="none", sampling={}, seed=1,
    )
    return rater.id, answer.id

rater, answer = database.write(talk)

def rate():
    while True:
        row = database.write(lambda s: feedback.rate(s, rater, answer, 1, ["Other"], "x" * 500).id)
        os.write(1, b"%d\\n" % row)

for _ in range(4):
    threading.Thread(target=rate).start()
"""


def test_kill_9_loses_no_acknowledged_rating(home: Home) -> None:
    acknowledged: list[int] = []
    for lines in (1, 40, 150):  # while the first row, a few, and many are written
        acknowledged += _write_until_killed(home, lines)
        database = Database.open(home)
        with database.read() as session:
            stored = set(session.scalars(select(Feedback.id)))
            assert set(acknowledged) <= stored
            if not database.shared:
                assert session.scalar(text("PRAGMA integrity_check")) == "ok"
                assert session.execute(text("PRAGMA foreign_key_check")).all() == []
            half = select(func.count()).where(func.length(Feedback.comment) != 500)
            assert session.scalar(half) == 0
        database.close()
    assert len(acknowledged) >= 191


def _write_until_killed(home: Home, lines: int) -> list[int]:
    with subprocess.Popen(
        [sys.executable, "-c", WRITE_RATINGS],
        env={**os.environ, **env_of(home)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        rows = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        rows += process.stdout.readlines()
    return [int(row) for row in rows if row.endswith("\n")]
