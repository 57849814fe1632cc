import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from storage import conversations
from storage.database import Database
from storage.home import Home
from storage.snapshots import RestoreFailed, Snapshots, restore
from tests.storage.memory import VERSION, Memory, publish, wiped
from tests.storage.people import Person


@pytest.fixture
def address() -> str:
    """What a server keeps comes back by itself; one test says what is fetched then."""
    return ""


def test_a_wiped_folder_comes_back_with_its_rows_and_its_versions(
    home: Home, database: Database, depot: Memory, tmp_path: Path
) -> None:
    person = Person(database)  # still open: what it wrote is in the WAL
    person.rate(person.ask("Hi", "Hello")[0], 1)
    publish(home)
    assert Snapshots(home, depot, lambda _: None).look()
    anew = wiped(tmp_path)
    assert restore(anew, depot)
    assert (anew.adapters / VERSION / "manifest.json").read_text() == VERSION
    assert {f.name for f in anew.folder.iterdir()} == {
        "feedback.db", "adapters", "models", "exports",
    }  # fmt: skip
    again = Database.open(anew)
    with again.read() as session:
        found = conversations.latest(session, person.id)
        assert found
        assert [m.text for m in conversations.branch(session, found)] == ["Hi", "Hello"]
    again.close()


def test_a_folder_that_holds_something_is_left_alone(
    home: Home, database: Database, depot: Memory
) -> None:
    depot.files["feedback.db"] = b"another one"
    before = (home.folder / "feedback.db").read_bytes()
    assert not restore(home, depot)
    assert (home.folder / "feedback.db").read_bytes() == before


def test_a_restore_that_was_killed_between_its_files_begins_anew(
    home: Home, database: Database, depot: Memory, tmp_path: Path
) -> None:
    database.write(conversations.add_rater)
    publish(home)
    assert Snapshots(home, depot, lambda _: None).look()
    anew = wiped(tmp_path)
    publish(anew)  # the version is there, the database isn't yet
    (anew.folder / "feedback.db-wal").write_bytes(b"of a database that was deleted")
    assert restore(anew, depot)
    assert (anew.folder / "feedback.db").read_bytes() == depot.files["feedback.db"]
    assert not (anew.folder / "feedback.db-wal").exists()


def test_an_empty_depot_is_a_first_start(home: Home, depot: Memory) -> None:
    assert not restore(home, depot)


def test_a_depot_that_answers_late_is_waited_for(home: Home, depot: Memory) -> None:
    depot.files["adapters/v1/x"] = b"x"
    depot.failing = 2
    assert restore(home, depot, pause=0)


def test_one_that_never_answers_is_no_empty_one(home: Home, depot: Memory) -> None:
    depot.failing = 1_000
    with pytest.raises(RestoreFailed, match=r"nobody answers.*check HF_TOKEN") as caught:
        restore(home, depot, pause=0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("raw", [b"", b"no database at all, but long enough to look at it" * 99])
def test_a_damaged_database_is_not_taken(home: Home, depot: Memory, raw: bytes) -> None:
    depot.files["feedback.db"] = raw
    if raw:
        with pytest.raises(RestoreFailed, match=r"feedback\.db is damaged"):
            restore(home, depot)
        assert not (home.folder / "feedback.db").exists()
    else:  # SQLite's own idea of an empty database
        assert restore(home, depot)


def test_a_restore_beside_a_server_that_was_killed_begins_anew(
    tmp_path: Path, depot: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = {"v000001-aaaaaaaa", "v000002-bbbbbbbb"}
    depot.files = {f"adapters/{version}/manifest.json": b"{}" for version in versions}
    home = Home(tmp_path / "data", "postgresql://elsewhere/chat")
    home.prepare()
    with monkeypatch.context() as until_killed:
        for name in ("rename", "replace"):
            until_killed.setattr(Path, name, dying_after_the_first(getattr(Path, name)))
        with contextlib.suppress(KeyboardInterrupt):
            restore(home, depot)
    restore(home, depot)
    assert {folder.name for folder in home.adapters.iterdir()} == versions


def dying_after_the_first(move: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
    """Return a move after which the process is killed."""

    def moving(self: Path, target: Path) -> Path:
        move(self, target)
        raise KeyboardInterrupt

    return moving
