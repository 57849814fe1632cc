import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from storage.database import Database
from storage.home import Home
from storage.models import Conversation
from tests.conftest import env_of
from tests.training.people import rate_answers
from training import rater
from training.targets import TooLittle

ROOT = Path(__file__).parents[2]


@pytest.fixture
def env(home: Home, tiny_model: Path) -> dict[str, str]:
    return {**os.environ, **env_of(home), "HITL_MODEL": str(tiny_model), "OMP_NUM_THREADS": "1"}


def who_rated(database: Database, conversation: str) -> str:
    with database.read() as session:
        found = session.scalars(
            select(Conversation.rater_id).where(Conversation.id == conversation)
        ).one()
        return str(found)


def test_someone_who_likes_what_the_others_do_is_foretold_by_the_head_of_the_others(
    database: Database, env: dict[str, str]
) -> None:
    rate_answers(database, 60, seed=0)
    rate_answers(database, 24, seed=1)
    who = who_rated(database, "01-000")
    done = subprocess.run(
        [sys.executable, "-m", "training.rater", "--rater", who],
        env=env, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["rater"], told["ratings"], told["others"]) == (who, 24, 60)
    assert told["shared"]["auc"] > 0.95
    assert told["own"]["auc"] > 0.95
    assert told["own"]["likes"] == told["own"]["dislikes"] == 12


def test_who_isn_t_there_is_told_in_one_line(
    database: Database, env: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    rate_answers(database, 2)
    assert rater.main(["--rater", "nobody"], env) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines()[-1] == "There is no rater 'nobody' with a conversation."


def test_two_people_s_words_are_told_apart(database: Database) -> None:
    rate_answers(database, 4, seed=0)
    rate_answers(database, 3, seed=1)
    with database.read() as session:
        theirs, others = rater.read(session, who_rated(database, "01-000"))
    assert {r.place.conversation for r in theirs.rated} == {"01-000", "01-001", "01-002"}
    assert len(others.rated) == 4


@pytest.mark.parametrize(
    ("theirs", "others", "whose"), [(2, 20, "This rater"), (20, 2, "All the others")]
)
def test_too_few_words_of_either_are_told(
    database: Database, theirs: int, others: int, whose: str
) -> None:
    rate_answers(database, others, seed=0)
    rate_answers(database, theirs, seed=1)
    with database.read() as session:
        read = rater.read(session, who_rated(database, "01-000"))
    with pytest.raises(TooLittle, match=rf"{whose}.* said 2 things; 12 are needed"):
        rater.check(*read, fewest=12)
