from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from storage import conversations
from storage.database import Database, DatabaseUnusable, NoDatabase
from storage.home import Home
from storage.models import Conversation, Cycle, Rater
from tests.conftest import on_sqlite


def raters(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Rater)) or 0


def test_eight_threads_of_fifty_read_modify_writes_lose_none(database: Database) -> None:
    with_counter = database.write(lambda s: _add_counter(s))

    def count(_: int) -> None:
        for _step in range(50):
            database.write(lambda s: _increment(s, with_counter))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(8)))
    with database.read() as session:
        assert session.get_one(Cycle, with_counter).mark == 400


def test_two_openings_of_one_database_lose_none_either(home: Home) -> None:
    databases = [Database.open(home), Database.open(home)]
    counter = databases[0].write(_add_counter)

    def count(number: int) -> None:
        for _step in range(50):
            databases[number % 2].write(lambda s: _increment(s, counter))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    with databases[0].read() as session:
        assert session.get_one(Cycle, counter).mark == 200
    for database in databases:
        database.close()


def _add_counter(s: Session) -> int:
    cycle = Cycle(status="running", phase="mark", mark=0)
    s.add(cycle)
    s.flush()
    return cycle.id


def _increment(s: Session, counter: int) -> None:
    cycle = s.get_one(Cycle, counter)
    cycle.mark = cycle.mark + 1


def test_rows_that_a_change_returns_keep_their_values(database: Database) -> None:
    def work(session: Session) -> Conversation:
        return conversations.start(session, conversations.add_rater(session).id)

    conversation = database.write(work)
    database.write(conversations.add_rater)
    assert conversation.head_id is None
    assert conversation.created_at.tzinfo is not None


def test_a_reader_sees_one_moment(database: Database) -> None:
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Rater)) == 0
        database.write(conversations.add_rater)
        assert session.scalar(select(func.count()).select_from(Rater)) == 0
    assert raters(database) == 1


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("sqlite://", "names no file"),
        ("nonsense", "no database address"),
        ("sqlite:////no/such/folder/feedback.db", "can't be opened"),
        ("postgresql://127.0.0.1:9/name", "can't be opened"),
        ("postgresql+nosuchdriver://host/name", "can't be used"),
        ("mysql://host/name", "names a mysql database"),
    ],
)
def test_a_bad_address_gets_one_clear_line(tmp_path: Path, url: str, line: str) -> None:
    with pytest.raises(DatabaseUnusable, match=line) as caught:
        Database.open(Home(tmp_path, url))
    assert "HITL_DATABASE_URL" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable) as caught:
        Database.open(Home(tmp_path, "postgresql://me:hunter2@127.0.0.1:9/name"))
    assert "hunter2" not in str(caught.value)


@on_sqlite
def test_a_file_that_is_no_database_is_refused_and_left_alone(home: Home) -> None:
    file = home.folder / "feedback.db"
    file.write_bytes(b"my holiday diary, not a database" * 100)
    with pytest.raises(DatabaseUnusable, match="can't be opened"):
        Database.open(home)
    assert file.read_bytes().startswith(b"my holiday diary")


@on_sqlite
def test_asking_for_an_existing_database_makes_none(home: Home) -> None:
    with pytest.raises(NoDatabase, match="Start the app once"):
        Database.existing(home)
    assert not (home.folder / "feedback.db").exists()


def test_a_folder_with_odd_characters_holds_a_database(tmp_path: Path) -> None:
    home = Home.from_env({"HITL_DATA_DIR": str(tmp_path / "50% of? #my data")})
    database = Database.open(home)
    assert database.write(lambda s: s.scalar(text("SELECT 1"))) == 1
    database.close()
    assert (home.folder / "feedback.db").is_file()
