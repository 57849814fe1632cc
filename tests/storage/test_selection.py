from datetime import timedelta
from pathlib import Path

from storage import export
from storage.database import Database
from storage.export import Order
from storage.models import Message
from storage.names import pseudonym
from storage.selection import Selection, Split
from tests.storage.exported import read, rows
from tests.storage.people import Person


def days(answer: Message, *, before: int = 0, after: int = 0) -> Selection:
    """Answers up to so many seconds before or after this one."""
    return Selection(
        since=answer.created_at - timedelta(seconds=before),
        until=answer.created_at + timedelta(seconds=after),
    )


def test_a_selection_by_time_begins_with_its_start_and_ends_before_its_end(
    database: Database, person: Person, tmp_path: Path
) -> None:
    [answer] = person.ask("Hi", "Hello")
    for selection, number in (
        (days(answer, after=1), 1),
        (days(answer), 0),
        (days(answer, before=1), 0),
    ):
        assert len(rows(database, "jsonl", tmp_path, Order(selection))) == number


def test_a_selection_by_version_or_rater_speaks_of_nobody_else(
    database: Database, person: Person, tmp_path: Path
) -> None:
    other = Person(database)
    question = person.say("Hi")
    person.rate(person.answer(question, "Hello", version="v2"), 1)
    person.rate(person.answer(question, "Go away"), -1)
    other.rate(other.ask("Hi", "Good day")[0], 1)

    def answers(**chosen: frozenset[str]) -> list[str]:
        order = Order(Selection(**chosen))  # type: ignore[arg-type]
        return [row["answer"] for row in rows(database, "jsonl", tmp_path, order)]

    assert answers(versions=frozenset({"v2"})) == ["Hello"]
    assert answers(raters=frozenset({other.id})) == ["Good day"]
    assert answers(raters=frozenset({pseudonym(other.id)})) == ["Good day"]
    only = Order(Selection(versions=frozenset({"v2"})))
    assert rows(database, "trl-preference", tmp_path, only) == []


def test_a_selection_by_task_has_the_drafts_to_what_people_scored_as_that_task(
    database: Database, person: Person, tmp_path: Path
) -> None:
    scored, _ = person.ask("Say hello in French", "Bonjour", "Salut")
    person.score(scored, "translation-1", {"faithful": 5})
    person.score(person.ask("Hi", "Hello")[0], "dialogue-1", {"natural": 5})
    taken_back = person.ask("Say bye in French", "Adieu")[0]
    person.score(taken_back, "translation-1", {"faithful": 5})
    person.score(taken_back, "translation-1", {})
    person.ask("Sum it up", "In short")

    def answers(*tasks: str) -> list[str]:
        order = Order(Selection(tasks=frozenset(tasks)))
        return sorted(row["answer"] for row in rows(database, "jsonl", tmp_path, order))

    assert answers("translation") == ["Bonjour", "Salut"]
    assert answers("translation", "dialogue") == ["Bonjour", "Hello", "Salut"]
    assert answers("code") == []


def test_what_people_disagree_about_can_be_left_out(
    database: Database, person: Person, tmp_path: Path
) -> None:
    for who, value in ((person, 1), (Person(database), 1), (Person(database), -1)):
        who.rate(who.ask("Hi", "Hello")[0], value)
        who.rate(who.ask("Bye", "See you")[0], 1)
    texts = {
        share: {
            row["completion"][0]["content"]
            for row in rows(
                database, "trl-unpaired", tmp_path, Order(Selection(min_agreement=share))
            )
        }
        for share in (0.6, 0.7)
    }
    assert texts == {0.6: {"Hello", "See you"}, 0.7: {"See you"}}


def test_equal_rows_are_written_once_and_records_always(
    database: Database, person: Person, tmp_path: Path
) -> None:
    for who in (person, Person(database)):
        who.rate(who.ask("Hi", "Hello")[0], 1)
    assert len(rows(database, "trl-unpaired", tmp_path)) == 1
    assert len(rows(database, "argilla", tmp_path)) == 2


def test_a_split_divides_no_conversation_and_no_person(
    database: Database, person: Person, tmp_path: Path
) -> None:
    for _ in range(40):
        who = Person(database)
        who.ask("One?", "1")
        who.ask("Two?", "2")
    for by, key in (("conversation", "conversation"), ("person", "rater")):
        order = Order(split=Split(0.3, by))
        with database.read() as session:
            written = export.write(session, "jsonl", tmp_path / "all.jsonl", order)
        train, test = ({row[key] for row in read(path)} for path in written.rows)
        assert [path.name for path in written.rows] == ["all.train.jsonl", "all.test.jsonl"]
        assert not train & test
        assert len(train | test) == 40
        assert 4 <= len(test) <= 20
        assert sum(written.rows.values()) == 80


def test_a_row_on_one_side_of_a_split_is_not_on_the_other(
    database: Database, person: Person, tmp_path: Path
) -> None:
    for _ in range(20):
        who = Person(database)
        who.rate(who.ask("Hi", "Hello")[0], 1)
    with database.read() as session:
        order = Order(split=Split(0.5))
        written = export.write(session, "trl-unpaired", tmp_path / "x.jsonl", order)
    assert sorted(written.rows.values()) == [0, 1]


def test_the_same_feedback_makes_the_same_bytes(
    database: Database, person: Person, tmp_path: Path
) -> None:
    for number in range(5):
        person.rate(person.ask(f"{number}?", str(number), "no")[0], 1)
    for name in export.FORMATS:
        for path in (tmp_path / "one", tmp_path / "two"):
            with database.read() as session:
                export.write(session, name, path)
        assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
