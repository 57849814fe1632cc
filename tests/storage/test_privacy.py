import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy import select

from storage import backup, export, feedback, privacy, sqlite
from storage.consent import Agreed
from storage.database import Database
from storage.home import Home
from storage.models import Erasure
from storage.person import everything
from storage.privacy import TracesLeft
from tests.conftest import env_of, on_sqlite
from tests.storage.people import Person

CANARY = "quokka-1f6b9c"
BYSTANDER = "wombat-77e0"


def talk(who: Person, word: str = CANARY, turns: int = 30) -> None:
    """Leave a word wherever a person can, in rows of many sizes."""
    for turn in range(turns):
        bad, good = who.ask(f"I am {word}. " * (1 + turn), f"Bad, {word}. " * 90, f"Good, {word}")
        who.rate(good, 1, ["Other"], f"because {word}")
        who.choose(good, bad)
        who.edit(bad, f"Rather {word}. " * (200 - turn))


def holding(home: Home, word: str = CANARY) -> list[str]:
    """The files of the data folder that hold the word anywhere in their bytes."""
    files = [file for file in home.folder.rglob("*") if file.is_file()]
    return sorted(file.name for file in files if word.encode() in file.read_bytes())


def spread(home: Home, database: Database) -> None:
    """Copy what is stored to every place that copies go to."""
    backup.make(database, home)
    backup.make(database, home, home.folder / "feedback.db.before-0002")
    with database.read() as session:
        export.write(session, "jsonl", home.exports / "jsonl.jsonl")
    home.head.write_text(CANARY)
    home.head.with_suffix(".staging").write_text(CANARY)
    for begun in (".snapshot-killed", ".restore-killed"):
        (home.folder / begun).mkdir()
        (home.folder / begun / "feedback.db").write_text(CANARY)
    for half in ("incoming", "partial"):
        (home.folder / f"feedback.db.{half}").write_text(CANARY)
    home.features.mkdir()
    (home.features / "way.safetensors").write_text(CANARY)


@on_sqlite
def test_no_byte_of_an_erased_person_is_left_anywhere(
    home: Home, database: Database, person: Person
) -> None:
    other = Person(database)
    for _ in range(3):  # in turns, so that their rows lie between each other
        talk(person, turns=10)
        talk(other, BYSTANDER, turns=3)
    spread(home, database)
    assert len(holding(home)) >= 5
    privacy.erase(database, home, person.id)
    assert holding(home) == []
    with database.read() as session:
        assert len(everything(session, other.id)["feedback"]) == 27
    copies = backup.copies(database, home)
    assert len(copies) == 2
    for copy in copies:
        backup.check(copy)
        assert BYSTANDER.encode() in copy.read_bytes()


def test_who_may_not_be_stored_stays_known_and_nothing_else_of_them(
    home: Home, database: Database, person: Person
) -> None:
    talk(person, turns=2)
    privacy.erase(database, home, person.id, agreed=Agreed(store=False))
    assert holding(home) == []
    with database.read() as session:
        assert set(everything(session, person.id)) == {"raters", "consents"}


@on_sqlite
def test_an_erasure_that_was_cut_short_is_finished_later(
    home: Home, database: Database, person: Person
) -> None:
    talk(person, turns=2)
    spread(home, database)
    broken = home.backups / "0.db"
    broken.write_bytes(b"no database at all" * 300)
    with pytest.raises(TracesLeft, match=r"0\.db can't be cleared .*delete it.*--erase"):
        privacy.erase(database, home, person.id)
    broken.unlink()
    privacy.finish(database, home)
    assert holding(home) == []
    privacy.finish(database, home)  # nothing is left to do


@on_sqlite
def test_what_cannot_be_cleared_is_named_and_keeps_nothing_else_from_it(
    home: Home, database: Database, person: Person
) -> None:
    """A packed backup can't be, nor what the file system doesn't let go, such as a folder here."""
    other = Person(database)
    for who in (person, other):
        talk(who, turns=2)
    spread(home, database)
    packed = home.backups / "0.db.gz"
    packed.write_bytes(gzip.compress(b"no database" * 300))
    stays = home.head.with_suffix(".old")
    stays.mkdir()
    for who in (person, other):
        with pytest.raises(
            TracesLeft, match=r"head\.old can't be deleted .*0\.db\.gz can't be cleared"
        ):
            privacy.erase(database, home, who.id)
    assert holding(home) == []
    packed.unlink()
    stays.rmdir()
    privacy.erase(database, home, person.id)  # as the host is told to, for all of them
    with database.read() as session:
        assert all(session.scalars(select(Erasure.finished_at)))


@on_sqlite
def test_an_erased_person_is_in_no_backup_whatever_its_name(
    home: Home, database: Database, person: Person
) -> None:
    talk(person, turns=2)
    home.backups.mkdir()
    (home.backups / "old").mkdir()
    backup.make(database, home, home.backups / "before-upgrade.sqlite")
    backup.make(database, home, home.backups / "old" / "copy")
    privacy.erase(database, home, person.id)
    assert holding(home) == []


@on_sqlite
def test_an_erasure_is_not_finished_while_somebody_reads_a_backup(
    home: Home, database: Database, person: Person
) -> None:
    talk(person, turns=2)
    copy = backup.make(database, home)
    with closing(sqlite.choose_library().connect(copy, isolation_level=None)) as reader:
        reader.execute("PRAGMA journal_mode=WAL")
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM messages").fetchall()
        with pytest.raises(TracesLeft, match=r"\.db can't be cleared .*in use"):
            privacy.erase(database, home, person.id)
    privacy.finish(database, home)
    assert holding(home) == []


def test_nobody_is_erased_by_a_number_that_nobody_has(
    home: Home, database: Database, person: Person
) -> None:
    person.rate(person.ask("Hi", "Hello")[0], 1)
    with pytest.raises(ValueError, match="No rater 'nobody'"):
        privacy.erase(database, home, "nobody")
    with database.read() as session:
        assert feedback.counts(session).ratings == 1


def test_the_command_shows_erases_and_lists(
    home: Home, database: Database, person: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    talk(person, turns=1)
    env = env_of(home)
    assert privacy.main(["--show", person.id], env) == 0
    shown = json.loads(capsys.readouterr().out)
    assert CANARY in shown["messages"][0]["text"]
    assert privacy.main(["--erase", person.id], env) == 0
    assert "No version had learned from them." in capsys.readouterr().out
    assert holding(home) == []
    assert privacy.main(["--list"], env) == 0
    assert person.id in capsys.readouterr().out
    assert privacy.main(["--erase", "nobody"], env) == 2
    assert capsys.readouterr().err.count("\n") == 1


@on_sqlite
def test_an_erasure_waits_for_the_copy_that_is_being_made(
    home: Home, database: Database, person: Person
) -> None:
    talk(person, turns=1)
    with ThreadPoolExecutor() as pool:
        with home.copying():
            erasing = pool.submit(privacy.erase, database, home, person.id)
            with pytest.raises(TimeoutError):
                erasing.result(timeout=0.3)
            assert holding(home)
        erasing.result(timeout=20)
    assert holding(home) == []
