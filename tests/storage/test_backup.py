import threading
from pathlib import Path

import pytest

from storage import backup
from storage.backup import BackupFailed
from storage.database import Database
from storage.home import Home
from storage.models import Feedback
from tests.conftest import on_sqlite
from tests.storage.people import Person

pytestmark = on_sqlite


def ratings(file: Path) -> int:
    home = Home(file.parent, f"sqlite:///{file}")
    database = Database.open(home)
    with database.read() as session:
        count = session.query(Feedback).count()
    database.close()
    return count


def test_backups_made_while_people_write_are_whole_and_hold_what_was_stored_before(
    home: Home, database: Database, person: Person
) -> None:
    answer = person.ask("Hi", "Hello")[0]
    over = threading.Event()
    stored: list[int] = []

    def write() -> None:
        while not over.is_set():
            stored.append(person.rate(answer, 1, ["Other"], "x" * 500))

    writing = threading.Thread(target=write)
    writing.start()
    try:
        made = []
        for _ in range(5):
            before = len(stored)
            made.append((backup.make(database, home), before))
    finally:
        over.set()
        writing.join()
    assert len({file for file, _ in made}) == 5
    for file, before in made:
        backup.check(file)
        assert ratings(file) >= before


def test_the_command_names_the_file(
    home: Home, database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    env = {"HITL_DATA_DIR": str(home.folder)}
    out = tmp_path / "copy.db"
    assert backup.main(["--out", str(out)], env) == 0
    assert capsys.readouterr().out == f"{out} is whole.\n"
    assert backup.main([], env) == 0
    assert len(list(home.backups.glob("*.db"))) == 1


def test_a_backup_that_can_not_be_written_says_so_and_leaves_nothing(
    home: Home, database: Database, tmp_path: Path
) -> None:
    with pytest.raises(BackupFailed, match="name another place with --out"):
        backup.make(database, home, tmp_path / "no such folder" / "copy.db")
    assert list(tmp_path.glob("**/copy.db*")) == []


def test_half_a_copy_is_no_backup(home: Home, database: Database, person: Person) -> None:
    for _ in range(50):
        person.ask("Hi" * 500, "Hello" * 500)
    file = backup.make(database, home)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(BackupFailed, match="no whole database"):
        backup.check(file)


def test_no_backup_takes_the_place_of_a_file_least_of_all_the_database_s(
    home: Home, database: Database, person: Person
) -> None:
    person.ask("Hi", "Hello")
    for there in (home.folder / "feedback.db", backup.make(database, home)):
        before = there.read_bytes()
        with pytest.raises(BackupFailed, match="Name a new file with --out"):
            backup.make(database, home, there)
        assert there.read_bytes() == before
