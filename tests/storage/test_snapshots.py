import contextlib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from storage import conversations, privacy
from storage.database import Database
from storage.depot import DepotDown
from storage.home import Home
from storage.snapshots import RestoreFailed, Snapshots, restore
from tests.storage.people import Person

VERSION = "v000001-aaaaaaaa"


@pytest.fixture
def address() -> str:
    """What a server keeps needs no snapshot; one test says so."""
    return ""


class Memory:
    """A depot in memory that can be told to fail."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.stored: list[set[str]] = []
        """What each `store` brought."""
        self.remembered: list[bytes] = []
        """Databases that were replaced, until they are forgotten."""
        self.forgetful = True
        """Whether `forget` works."""
        self.failing = 0
        """How many calls will fail."""
        self.silent = 0
        """How many calls of `store` will do what they should and not say so."""

    def paths(self) -> set[str]:
        self._fail()
        return set(self.files)

    def fetch(self, paths: set[str], folder: Path) -> None:
        self._fail()
        for path in paths:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(self.files[path])

    def store(self, files: Mapping[str, Path], gone: set[str]) -> None:
        self._fail()
        self.remembered.append(self.files.get("feedback.db", b""))
        self.files |= {path: file.read_bytes() for path, file in files.items()}
        for path in gone:
            del self.files[path]
        self.stored.append(set(files))
        if self.silent:
            self.silent -= 1
            raise DepotDown("ReadTimeout: no answer")

    def forget(self) -> None:
        if not self.forgetful:
            raise DepotDown("HTTPError: 429")
        self.remembered.clear()

    def _fail(self) -> None:
        if self.failing:
            self.failing -= 1
            raise DepotDown("ConnectError: nobody answers")


@pytest.fixture
def depot() -> Memory:
    return Memory()


@pytest.fixture
def told() -> list[str | None]:
    return []


@pytest.fixture
def snapshots(home: Home, depot: Memory, told: list[str | None]) -> Snapshots:
    return Snapshots(home, depot, told.append)


def publish(home: Home, version: str = VERSION) -> None:
    (home.adapters / version).mkdir()
    (home.adapters / version / "manifest.json").write_text(version)


def wiped(tmp_path: Path) -> Home:
    home = Home.from_env({"HITL_DATA_DIR": str(tmp_path / "wiped")})
    home.prepare()
    return home


def test_a_wiped_folder_comes_back_with_its_rows_and_its_versions(
    home: Home, database: Database, snapshots: Snapshots, depot: Memory, tmp_path: Path
) -> None:
    person = Person(database)  # still open: what it wrote is in the WAL
    person.rate(person.ask("Hi", "Hello")[0], 1)
    publish(home)
    assert snapshots.look()
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


def test_nothing_is_uploaded_unless_something_changed(
    home: Home, database: Database, snapshots: Snapshots, depot: Memory
) -> None:
    database.write(conversations.add_rater)
    for _ in range(3):
        snapshots.look()
    database.write(conversations.add_rater)
    snapshots.look()
    assert depot.stored == [{"feedback.db"}] * 2


def test_a_version_is_uploaded_once_and_leaves_with_its_folder(
    home: Home, database: Database, snapshots: Snapshots, depot: Memory
) -> None:
    publish(home)
    (home.adapters / ".staging-2").mkdir()  # half done
    (home.adapters / ".staging-2" / "manifest.json").touch()
    snapshots.look()
    database.write(conversations.add_rater)
    snapshots.look()
    path = f"adapters/{VERSION}/manifest.json"
    assert depot.stored == [{"feedback.db", path}, {"feedback.db"}]
    (home.adapters / VERSION / "manifest.json").unlink()
    (home.adapters / VERSION).rmdir()
    snapshots.look()
    assert set(depot.files) == {"feedback.db"}


def test_closing_stores_what_came_last(
    database: Database, snapshots: Snapshots, depot: Memory
) -> None:
    snapshots.start()
    database.write(conversations.add_rater)
    snapshots.close()
    assert set(depot.files) == {"feedback.db"}


def test_a_depot_that_fails_is_said_once_and_tried_again(
    database: Database,
    snapshots: Snapshots,
    depot: Memory,
    told: list[str | None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    database.write(conversations.add_rater)
    depot.failing = 3
    assert [snapshots.look() for _ in range(4)] == [False, False, False, True]
    problem = "No snapshot could be stored; a restart would lose data: ConnectError: nobody answers"
    assert told == [problem, None]
    assert len([r for r in caplog.records if r.levelname == "WARNING"]) == 1
    assert set(depot.files) == {"feedback.db"}


def test_what_was_removed_without_an_answer_is_not_removed_again(
    home: Home, snapshots: Snapshots, depot: Memory
) -> None:
    publish(home)
    assert snapshots.look()
    shutil.rmtree(home.adapters / VERSION)
    depot.silent = 1
    assert not snapshots.look()
    assert snapshots.look()
    assert depot.files == {}


CANARY = "quokka-1f6b9c"


def known(depot: Memory) -> bool:
    """Whether the depot has the canary anywhere."""
    return any(CANARY.encode() in raw for raw in (*depot.remembered, *depot.files.values()))


def test_an_erased_person_leaves_the_snapshot_and_those_before_it(
    home: Home, database: Database, snapshots: Snapshots, depot: Memory, told: list[str | None]
) -> None:
    person = Person(database)
    person.ask(f"I am {CANARY}", "Hello")
    snapshots.look()
    assert known(depot)
    privacy.erase(database, home, person.id)
    depot.failing = 1
    assert not snapshots.look()
    assert snapshots.look()
    assert not known(depot)
    assert told[-1] is None
    database.write(conversations.add_rater)
    snapshots.look()
    assert len(depot.remembered) == 1  # nothing more to forget


def test_what_keeps_the_depot_from_forgetting_is_told_and_tried_again(
    home: Home, database: Database, depot: Memory, told: list[str | None]
) -> None:
    snapshots = Snapshots(home, depot, told.append)
    person = Person(database)
    person.ask(f"I am {CANARY}", "Hello")
    snapshots.look()
    privacy.erase(database, home, person.id)
    depot.forgetful = False
    assert not snapshots.look()
    assert not snapshots.look()
    assert [line and line.split(";")[0] for line in told] == [
        "Snapshots from before an erasure could not be deleted"
    ]
    depot.forgetful = True
    assert snapshots.look()
    assert told[-1] is None
    assert not known(depot)


def test_a_process_that_starts_after_an_erasure_makes_sure_once(
    home: Home, database: Database, depot: Memory
) -> None:
    person = Person(database)
    person.ask(f"I am {CANARY}", "Hello")
    depot.remembered.append(CANARY.encode())  # the process before died in between
    privacy.erase(database, home, person.id)
    Snapshots(home, depot, lambda _: None).look()
    assert not known(depot)


def test_a_folder_that_holds_something_is_left_alone(
    home: Home, database: Database, depot: Memory
) -> None:
    depot.files["feedback.db"] = b"another one"
    before = (home.folder / "feedback.db").read_bytes()
    assert not restore(home, depot)
    assert (home.folder / "feedback.db").read_bytes() == before


def test_a_restore_that_was_killed_between_its_files_begins_anew(
    home: Home, database: Database, snapshots: Snapshots, depot: Memory, tmp_path: Path
) -> None:
    database.write(conversations.add_rater)
    publish(home)
    assert snapshots.look()
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


def test_what_a_server_keeps_is_not_copied(tmp_path: Path, depot: Memory) -> None:
    home = Home(tmp_path / "data", "postgresql://elsewhere/chat")
    home.prepare()
    publish(home)
    Snapshots(home, depot, lambda _: None).look()
    assert set(depot.files) == {f"adapters/{VERSION}/manifest.json"}


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
