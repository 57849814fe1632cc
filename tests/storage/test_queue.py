import pytest

from storage import queue, reviews
from storage.database import Database
from storage.models import Message
from storage.queue import Item
from tests.storage.people import Person


def found(
    database: Database, kind: str = "everything", words: str = "", before: int | None = None
) -> list[Item]:
    with database.read() as session:
        return queue.page(session, kind, words, before, 2)


def answers(items: list[Item]) -> list[str]:
    return [item.answer for item in items]


@pytest.fixture
def told(database: Database, person: Person) -> dict[str, Message]:
    """Four answers: a disliked one with a comment, an edited, a chosen, and one nobody spoke of."""
    bad = person.ask("Why is it 100%?", "Because")[0]
    edited = person.ask("How?", "So")[0]
    chosen, other = person.ask("When?", "Now", "Never")
    person.ask("Who?", "Nobody spoke of this")
    person.rate(bad, -1, comment="Too curt")
    person.edit(edited, "Like so: gently")
    person.choose(chosen, other)
    person.rate(edited, 1)
    return {"bad": bad, "edited": edited, "chosen": chosen}


def test_answers_stand_by_their_newest_feedback_and_pages_go_on(
    database: Database, told: dict[str, Message]
) -> None:
    first = found(database)
    assert answers(first) == ["So", "Now"]
    assert (first[0].rating, first[0].question) == (1, "How?")
    assert answers(found(database, before=first[-1].place)) == ["Because"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("disliked", ["Because"]),
        ("liked", ["So"]),
        ("with a comment", ["Because"]),
        ("edits", ["So"]),
        ("choices", ["Now"]),
        ("excluded", []),
    ],
)
def test_the_queue_is_narrowed_to_a_kind(
    database: Database, told: dict[str, Message], kind: str, expected: list[str]
) -> None:
    assert answers(found(database, kind)) == expected


def test_excluded_answers_stay_findable(database: Database, told: dict[str, Message]) -> None:
    database.write(lambda s: reviews.exclude(s, told["bad"].id, "spam"))
    [item] = found(database, "excluded")
    assert (item.message, item.excluded) == (told["bad"].id, True)


@pytest.mark.parametrize("words", ["because", "100%", "too CURT"])
def test_words_are_looked_for_in_question_answer_and_comment(
    database: Database, told: dict[str, Message], words: str
) -> None:
    assert answers(found(database, words=words)) == ["Because"]


def test_words_are_looked_for_as_they_are(database: Database, told: dict[str, Message]) -> None:
    assert answers(found(database, words="gently")) == ["So"]
    assert found(database, words="100_") == []


def test_an_unknown_kind_is_refused(database: Database) -> None:
    with pytest.raises(ValueError, match="Use one of everything, disliked"):
        found(database, "odd")


def test_an_answer_is_read_in_context(database: Database, person: Person) -> None:
    person.ask("Hi", "Hello")
    chosen, other = person.ask("When?", "Now", "Never")
    person.choose(chosen, other)
    person.rate(other, -1)
    database.write(lambda s: reviews.judge(s, other.id, -1))
    with database.read() as session:
        context = queue.context(session, other.id)
        with pytest.raises(ValueError, match="no such answer"):
            queue.context(session, "gone")
    assert [message.text for message in context.before] == ["Hi", "Hello", "When?"]
    assert [draft.text for draft in context.drafts] == ["Now"]
    assert [row.kind for row in context.said] == ["choice", "rating"]
    assert context.decided.gold == -1
