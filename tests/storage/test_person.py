import re
from pathlib import Path
from typing import Any

from sqlalchemy import Table, text
from sqlalchemy.orm import Session

from storage import adapters, consent, cycles, feedback, models, reviews
from storage.consent import Agreed
from storage.database import Database
from storage.models import Base, Rater
from storage.person import OURS, counts, delete_rows, everything, learned, readers
from tests.storage.people import Person


def leads_to_people(table: Table) -> bool:
    others = {key.column.table for key in table.foreign_keys} - {table}
    return table.name == Rater.__tablename__ or any(map(leads_to_people, others))


def leave_something_everywhere(person: Person) -> None:
    first, second = person.ask("Hi", "Hello", "Good day")
    person.rate(first, 1)
    person.choose(first, second)

    def work(s: Session) -> None:
        consent.give(s, person.id, Agreed(publish=True))
        feedback.signal(s, person.id, first.id, "copy")
        reviews.judge(s, first.id, 1)
        feedback.first_time(s, person.id, 1, person.id)

    person.database.write(work)


def test_every_table_that_leads_to_people_is_told_and_emptied_of_one_and_of_nobody_else(
    database: Database, person: Person
) -> None:
    other = Person(database)
    leave_something_everywhere(person)
    leave_something_everywhere(other)
    personal = {t.name for t in Base.metadata.tables.values() if leads_to_people(t)}
    with database.read() as session:
        assert set(everything(session, person.id)) == personal
        before = everything(session, other.id)
    database.write(lambda s: delete_rows(s, person.id))
    with database.read() as session:
        assert everything(session, person.id) == {}
        assert everything(session, other.id) == before


def test_whatever_else_is_in_the_database_keeps_nobody_from_being_erased(
    database: Database, person: Person
) -> None:
    """Two tables that refer to each other lead in a circle."""
    leave_something_everywhere(person)
    stranger = "CREATE TABLE {} (id INTEGER PRIMARY KEY, other INTEGER REFERENCES {} (id))"

    def work(s: Session) -> dict[str, Any]:
        with s.begin_nested() as tried:
            s.execute(text("CREATE TABLE those (id INTEGER PRIMARY KEY)"))
            s.execute(text(stranger.format("these", "those")))
            s.execute(text("ALTER TABLE those ADD COLUMN other INTEGER REFERENCES these (id)"))
            delete_rows(s, person.id)
            left = everything(s, person.id)
            tried.rollback()
        return left

    assert database.write(work) == {}


def test_every_table_that_a_release_ever_had_is_looked_for_in_its_backups() -> None:
    made = {
        name
        for file in (Path(models.__file__).parent / "migrations" / "versions").glob("*.py")
        for name in re.findall(r"(?:create|rename)_table\(\s*\"(\w+)\"", file.read_text())
    }
    assert "raters" in made
    assert made <= OURS


def test_of_someone_who_may_not_be_stored_only_that_is_kept(
    database: Database, person: Person
) -> None:
    leave_something_everywhere(person)
    database.write(lambda s: delete_rows(s, person.id, known=True))
    with database.read() as session:
        assert set(everything(session, person.id)) == {"raters", "consents"}
        assert counts(session, person.id) == {}


def test_versions_that_learned_from_someone_and_those_that_went_on_from_them_are_named(
    database: Database, person: Person
) -> None:
    def cycle(s: Session, version: str, parent: str = "base") -> int:
        row = cycles.open_cycle(s, feedback.mark(s))
        cycles.close(s, row.id, "promoted", version=version)
        adapters.add(s, version, parent, "tiny", row.id)
        return row.id

    database.write(lambda s: cycle(s, "before"))
    person.rate(person.ask("Hi", "Hello")[0], 1)
    second = database.write(lambda s: cycle(s, "learned"))
    database.write(lambda s: consent.give(s, person.id, Agreed(train=False)))
    database.write(lambda s: cycle(s, "went-on", parent="learned"))
    database.write(lambda s: cycle(s, "afresh"))
    with database.read() as session:
        assert readers(session, person.id) == [second]
        assert learned(session, [second]) == ["learned", "went-on"]
        assert readers(session, Person(database).id) == []
