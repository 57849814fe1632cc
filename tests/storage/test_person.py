from sqlalchemy import Table
from sqlalchemy.orm import Session

from storage import adapters, consent, cycles, feedback, reviews
from storage.consent import Agreed
from storage.database import Database
from storage.models import Base, Rater
from storage.person import counts, delete_rows, everything, learned, readers
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
