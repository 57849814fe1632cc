from pathlib import Path

import pyarrow.parquet as pq
import pytest

from storage import consent, export, feedback, transcripts
from storage.consent import Agreed, Purpose
from storage.database import Database
from storage.home import Home
from storage.models import Consent
from tests.conftest import env_of
from tests.storage.people import Person


def read(database: Database, purpose: Purpose) -> list[str]:
    with database.read() as session:
        found = transcripts.read_all(session, purpose)
        return [transcript.conversation for transcript in found]


def agree(person: Person, agreed: Agreed) -> Agreed:
    return person.database.write(lambda s: consent.give(s, person.id, agreed))


def test_who_says_nothing_is_trained_on_and_not_published(
    database: Database, person: Person
) -> None:
    with database.read() as session:
        assert consent.given(session, person.id) == Agreed(store=True, train=True, publish=False)
    assert read(database, "train") == [person.conversation.id]
    assert read(database, "publish") == []


def test_only_who_said_yes_is_published_until_they_take_it_back(
    database: Database, person: Person
) -> None:
    other = Person(database)
    agree(person, Agreed(publish=True))
    assert read(database, "publish") == [person.conversation.id]
    agree(person, Agreed(publish=False))
    assert read(database, "publish") == []
    assert read(database, "train") == [person.conversation.id, other.conversation.id]


def test_whoever_takes_training_back_is_neither_read_nor_counted_any_more(
    database: Database, person: Person
) -> None:
    person.rate(person.ask("Hi", "Hello")[0], 1)
    agree(person, Agreed(train=False))
    with database.read() as session:
        for reader in (transcripts.read_rated, transcripts.read_noted, transcripts.read_all):
            assert list(reader(session)) == []
        assert feedback.since(session, 0) == 0
        assert feedback.counts(session).waiting == 0
        assert feedback.counts(session).total == 1
    agree(person, Agreed(train=True))
    assert read(database, "train") == [person.conversation.id]


def test_a_part_without_the_one_before_is_none(person: Person) -> None:
    nothing = Agreed(store=False, train=False, publish=False)
    assert agree(person, Agreed(store=False, train=True, publish=True)) == nothing
    assert agree(person, Agreed(train=False, publish=True)) == Agreed(train=False, publish=False)


def test_what_was_agreed_to_and_when_is_never_overwritten(
    database: Database, person: Person
) -> None:
    agree(person, Agreed(publish=True))
    agree(person, Agreed(train=False))
    with database.read() as session:
        rows = session.query(Consent).order_by(Consent.id).all()
        assert [(row.store, row.train, row.publish) for row in rows] == [
            (True, True, True),
            (True, False, False),
        ]


@pytest.mark.parametrize("name", export.FORMATS)
def test_no_format_holds_a_row_without_consent(
    name: str, home: Home, database: Database, tmp_path: Path
) -> None:
    people = {
        "open": Agreed(publish=True),
        "silent": None,
        "private": Agreed(train=False),
        "gone": Agreed(store=False),
    }
    for word, agreed in people.items():
        person = Person(database)
        bad, good = person.ask(f"I am {word}", f"Bad, {word}", f"Good, {word}")
        person.choose(good, bad)
        person.rate(good, 1)
        if agreed:
            agree(person, agreed)
    database.close()
    for option, expected in (((), {"open", "silent"}), (("--publish",), {"open"})):
        path = tmp_path / "rows.jsonl"
        argv = ["--format", name, "--out", str(path), *option]
        assert export.main(argv, env_of(home)) == 0
        parquet = export.FORMATS[name].kind == "parquet"
        written = str(pq.read_table(path).to_pylist()) if parquet else path.read_text()
        assert {word for word in people if word in written} == expected
