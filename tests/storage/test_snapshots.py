import shutil
from pathlib import Path

import pytest

from storage import conversations, privacy
from storage.database import Database
from storage.home import Home
from storage.snapshots import Snapshots
from tests.storage.memory import VERSION, Memory, publish
from tests.storage.people import Person


@pytest.fixture
def address() -> str:
    """What a server keeps needs no snapshot; one test says so."""
    return ""


@pytest.fixture
def told() -> list[str | None]:
    return []


@pytest.fixture
def snapshots(home: Home, depot: Memory, told: list[str | None]) -> Snapshots:
    return Snapshots(home, depot, told.append)


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


def test_what_a_server_keeps_is_not_copied(tmp_path: Path, depot: Memory) -> None:
    home = Home(tmp_path / "data", "postgresql://elsewhere/chat")
    home.prepare()
    publish(home)
    Snapshots(home, depot, lambda _: None).look()
    assert set(depot.files) == {f"adapters/{VERSION}/manifest.json"}
