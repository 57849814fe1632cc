import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import adapters, backup, consent, conversations, cycles, privacy, restore
from storage.backup import BackupFailed
from storage.consent import Agreed
from storage.database import Database
from storage.home import Home
from storage.models import Erasure
from storage.person import everything, learned
from storage.restore import StillOpen
from tests.conftest import on_sqlite
from tests.storage.people import Person
from tests.storage.test_privacy import CANARY, holding, talk

pytestmark = on_sqlite


ROOT = Path(restore.__file__).parents[1]
DIES = """
import os
from pathlib import Path
from storage import restore
from storage.home import Home
class Dying(type(Path())):
    def replace(self, target):
        os._exit(9) if str(target).endswith("feedback.db") else super().replace(target)
restore.file_of = lambda home: Dying(home.folder / "feedback.db")
restore.restore(Home.from_env({{"HITL_DATA_DIR": "{folder}"}}), Path("{source}"))
"""
"""Ends without a word where the new file would take the old one's name."""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    return tmp_path / "elsewhere.db"


def texts(home: Home, rater: str) -> set[str]:
    with closing(Database.existing(home)) as database, database.read() as session:
        return {str(row["text"]) for row in everything(session, rater).get("messages", [])}


def trained(database: Database, version: str) -> int:
    """Let a cycle publish a version; returns its number."""

    def work(s: Session) -> int:
        cycle = cycles.open_cycle(s, 1)
        cycles.close(s, cycle.id, "promoted", version=version)
        adapters.add(s, version, "base", "tiny", cycle.id)
        return cycle.id

    return database.write(work)


def test_a_restored_backup_is_what_it_was_and_what_came_later_lies_beside(
    home: Home, database: Database, person: Person, elsewhere: Path
) -> None:
    person.ask("Before", "Yes")
    backup.make(database, home, elsewhere)
    person.ask("After", "No")
    database.close()
    done = restore.restore(home, elsewhere)
    assert done.known
    assert done.before
    assert texts(home, person.id) == {"Before", "Yes"}
    backup.check(done.before)
    assert b"After" in done.before.read_bytes()
    assert sorted(home.folder.glob("*.incoming*")) == []


def test_a_database_in_use_is_not_replaced(
    home: Home, database: Database, person: Person, elsewhere: Path
) -> None:
    backup.make(database, home, elsewhere)
    person.ask("After", "No")
    with pytest.raises(StillOpen, match="End the app and the trainer first"):
        restore.restore(home, elsewhere)
    assert texts(home, person.id) == {"After", "No"}


def test_who_was_erased_does_not_come_back_with_an_old_backup(
    home: Home, database: Database, person: Person, elsewhere: Path
) -> None:
    other = Person(database)
    other.ask("I stay", "Yes")
    talk(person, turns=3)
    backup.make(database, home, elsewhere)
    privacy.erase(database, home, person.id)
    database.close()
    assert CANARY.encode() in elsewhere.read_bytes()
    restore.restore(home, elsewhere)
    assert holding(home) == []
    assert texts(home, other.id) == {"I stay", "Yes"}


def test_an_older_backup_does_not_blame_its_own_later_versions_on_who_was_erased(
    home: Home, database: Database, person: Person, elsewhere: Path
) -> None:
    backup.make(database, home, elsewhere)
    gone = Person(database)
    gone.rate(gone.ask("Hi", "Hello")[0], 1)
    first = trained(database, "v1")
    assert privacy.erase(database, home, gone.id) == ["v1"]
    database.close()
    restore.restore(home, elsewhere)
    with closing(Database.existing(home)) as restored:
        assert trained(restored, "v2") == first  # the number was free again
        with restored.read() as session:
            erasure = session.scalars(select(Erasure)).one()
            assert learned(session, erasure.cycles) == []


def test_what_people_agreed_to_since_the_backup_holds(
    home: Home, database: Database, person: Person, elsewhere: Path
) -> None:
    database.write(lambda s: consent.give(s, person.id, Agreed(publish=True)))
    backup.make(database, home, elsewhere)
    database.write(lambda s: consent.give(s, person.id, Agreed(train=False)))
    database.close()
    restore.restore(home, elsewhere)
    with closing(Database.existing(home)) as restored, restored.read() as session:
        assert consent.given(session, person.id) == Agreed(train=False)


def test_who_was_erased_again_since_the_backup_does_not_come_back(
    home: Home, database: Database, person: Person, elsewhere: Path
) -> None:
    talk(person)
    privacy.erase(database, home, person.id, agreed=Agreed(store=False))
    person.conversation = database.write(lambda s: conversations.start(s, person.id))
    talk(person)
    backup.make(database, home, elsewhere)
    privacy.erase(database, home, person.id, agreed=Agreed(store=False))
    database.close()
    restore.restore(home, elsewhere)
    assert holding(home) == []


def test_an_older_backup_in_between_forgets_neither_erasures_nor_what_people_agreed_to(
    home: Home, database: Database, person: Person, elsewhere: Path
) -> None:
    older = elsewhere.with_name("older.db")
    backup.make(database, home, older)
    gone, wary = Person(database), Person(database)
    talk(gone)
    wary.ask("Hi", "Hello")
    backup.make(database, home, elsewhere)
    privacy.erase(database, home, gone.id)
    database.write(lambda s: consent.give(s, wary.id, Agreed(train=False)))
    database.close()
    for source in (older, elsewhere):
        assert restore.restore(home, source).known
    assert holding(home) == []
    assert texts(home, wary.id) == {"Hi", "Hello"}
    with closing(Database.existing(home)) as restored, restored.read() as session:
        assert consent.given(session, wary.id) == Agreed(train=False)


def test_where_no_database_was_nothing_tells_who_was_erased(
    home: Home, database: Database, person: Person, elsewhere: Path
) -> None:
    person.ask("Before", "Yes")
    backup.make(database, home, elsewhere)
    database.close()
    (home.folder / "feedback.db").unlink()
    (home.folder / "feedback.db-wal").write_bytes(b"of the one that was lost")
    done = restore.restore(home, elsewhere)
    assert (done.before, done.known) == (None, False)
    assert not (home.folder / "feedback.db-wal").exists()
    assert texts(home, person.id) == {"Before", "Yes"}


def test_a_restore_that_is_killed_leaves_the_database_in_its_place(
    home: Home, database: Database, person: Person, elsewhere: Path
) -> None:
    person.ask("Before", "Yes")
    backup.make(database, home, elsewhere)
    person.ask("After", "No")
    database.close()
    dying = DIES.format(folder=str(home.folder), source=str(elsewhere))
    assert subprocess.run([sys.executable, "-c", dying], cwd=ROOT, check=False).returncode == 9
    assert texts(home, person.id) == {"Before", "Yes", "After", "No"}
    (aside,) = home.folder.glob("feedback.db.before-restore-*")
    assert not aside.samefile(home.folder / "feedback.db")  # one file with two logs would be spoilt
    restore.restore(home, elsewhere)
    assert texts(home, person.id) == {"Before", "Yes"}


def test_a_spoilt_database_is_replaced_and_kept_beside(
    home: Home, database: Database, person: Person, elsewhere: Path
) -> None:
    person.ask("Before", "Yes")
    backup.make(database, home, elsewhere)
    database.close()
    (home.folder / "feedback.db").write_bytes(os.urandom(8192))
    done = restore.restore(home, elsewhere)
    assert not done.known
    assert done.before
    assert done.before.stat().st_size == 8192
    assert texts(home, person.id) == {"Before", "Yes"}


def test_what_is_no_backup_changes_nothing(
    home: Home, database: Database, person: Person, elsewhere: Path
) -> None:
    person.ask("Before", "Yes")
    database.close()
    elsewhere.write_bytes(b"no database" * 1000)
    for source in (elsewhere, elsewhere.with_name("none.db")):
        with pytest.raises(BackupFailed):
            restore.restore(home, source)
    assert texts(home, person.id) == {"Before", "Yes"}


def test_the_command_says_what_it_did_or_why_not(
    home: Home,
    database: Database,
    person: Person,
    elsewhere: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert person.id  # the database is at work
    backup.make(database, home, elsewhere)
    env = {"HITL_DATA_DIR": str(home.folder)}
    assert restore.main([str(elsewhere)], env) == 2
    assert capsys.readouterr().err.count("\n") == 1
    database.close()
    assert restore.main([str(elsewhere)], env) == 0
    assert "is in place" in capsys.readouterr().out
