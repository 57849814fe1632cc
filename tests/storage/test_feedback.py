from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import conversations, cycles, feedback
from storage.conversations import NotYours
from storage.database import Database
from storage.models import Feedback, Message
from storage.saying import MAX_COMMENT
from tests.storage.people import Person


@pytest.fixture
def answer(person: Person) -> Message:
    return person.ask("Hi", "Hello")[0]


def current(database: Database, message: Message) -> Feedback | None:
    with database.read() as s:
        return feedback.current_ratings(s, [message.id]).get(message.id)


def counts(database: Database) -> feedback.Counts:
    with database.read() as s:
        return feedback.counts(s)


def run_cycle(database: Database, status: str) -> None:
    """A cycle that sees all feedback so far and ends like this."""

    def work(s: Session) -> None:
        cycle = cycles.open_cycle(s, feedback.mark(s))
        if status != "running":
            cycles.close(s, cycle.id, status)

    database.write(work)


def test_ratings_are_added_and_the_newest_counts(
    database: Database, person: Person, answer: Message
) -> None:
    person.rate(answer, 1)
    person.rate(answer, -1, ["Too long", "Too long", "Other"], "  far too long ")
    newest = current(database, answer)
    assert newest is not None
    assert (newest.value, newest.comment) == (-1, "far too long")
    assert newest.reasons == ["Too long", "Other"]
    with database.read() as s:
        assert s.scalars(select(Feedback.value).order_by(Feedback.id)).all() == [1, -1]


def test_a_rating_taken_back_counts_no_more_but_stays_stored(
    database: Database, person: Person, answer: Message
) -> None:
    person.rate(answer, 1)
    person.rate(answer, 0)
    assert current(database, answer) is None
    assert counts(database).ratings == 2


def test_a_rating_can_be_given_again_after_it_was_taken_back(
    database: Database, person: Person, answer: Message
) -> None:
    for value in (1, 0, -1):
        person.rate(answer, value)
    newest = current(database, answer)
    assert newest is not None
    assert newest.value == -1


@pytest.mark.parametrize("value", [2, -2, 0.5, 1.0, True, "1", None])
def test_a_rating_that_is_none_is_refused(person: Person, answer: Message, value: int) -> None:
    with pytest.raises(ValueError, match="Use 1, -1, or 0"):
        person.rate(answer, value)


@pytest.mark.parametrize("reasons", [["Bad"], "Other", 7, [["Other"]], [None]])
def test_unknown_reasons_are_refused(person: Person, answer: Message, reasons: list[str]) -> None:
    with pytest.raises(ValueError, match=r"Unknown reason .* Use some of|not a list"):
        person.rate(answer, -1, reasons)


def test_a_comment_over_the_limit_is_refused_and_nothing_is_stored(
    database: Database, person: Person, answer: Message
) -> None:
    person.rate(answer, 1, comment="x" * MAX_COMMENT)
    with pytest.raises(ValueError, match=r"2,001 characters; the limit is 2,000"):
        person.rate(answer, -1, comment="x" * (MAX_COMMENT + 1))
    assert counts(database).total == 1


def test_a_comment_with_half_a_character_or_nul_is_stored_as_it_can_be(
    database: Database, person: Person, answer: Message
) -> None:
    person.rate(answer, 1, comment="a\x00b\ud800")
    newest = current(database, answer)
    assert newest is not None
    assert newest.comment == "ab?"


def test_a_persons_own_message_can_not_be_judged(person: Person) -> None:
    question = person.say("Hi")
    with pytest.raises(ValueError, match="a message of yours"):
        person.rate(question, 1)
    with pytest.raises(ValueError, match="a message of yours"):
        person.edit(question, "Ho")


def test_an_empty_edit_is_refused(person: Person, answer: Message) -> None:
    with pytest.raises(ValueError, match="edited answer is empty"):
        person.edit(answer, " \n")


def test_only_two_drafts_of_one_answer_can_be_compared(person: Person) -> None:
    first, second = person.ask("Hi", "Hello", "Good day")
    other = person.ask("Bye", "See you")[0]
    person.choose(first, second)
    for pair in ((first, other), (first, first)):
        with pytest.raises(ValueError, match="not two drafts"):
            person.choose(*pair)
    with pytest.raises(ValueError, match=r"verdict is 'best'. Use one of better, tie, both_bad"):
        person.choose(first, second, "best")


def test_feedback_on_someone_elses_answer_is_refused_and_nothing_is_stored(
    database: Database, person: Person
) -> None:
    first, second = person.ask("Hi", "Hello", "Good day")
    stranger = Person(database)
    own = stranger.ask("Hi", "Hello")[0]
    attempts: list[Callable[[], int]] = [
        lambda: stranger.rate(first, 1),
        lambda: stranger.edit(first, "Mine"),
        lambda: stranger.choose(first, second),
        lambda: stranger.choose(own, second),
    ]
    for attempt in attempts:
        with pytest.raises(NotYours, match=r"^No such message\.$"):
            attempt()
    assert counts(database).total == 0


def test_the_newest_rating_of_each_answer_of_a_version_is_an_opinion(
    database: Database, person: Person
) -> None:
    other = Person(database)
    question = person.say("Hi")
    first, second = (person.answer(question, "Hello", version="v1") for _ in range(2))
    third = other.answer(other.say("Hi"), "Hello", version="v1")
    person.rate(person.answer(question, "Hello", version="v2"), -1)
    for answer, value in ((first, -1), (second, 1), (first, 1), (second, 0)):
        person.rate(answer, value)
    other.rate(third, -1)
    other.edit(third, "Good day")
    with database.read() as s:
        assert feedback.opinions(s, "v1") == [(person.id, True), (other.id, False)]
        assert feedback.opinions(s, "v3") == []
        assert feedback.opinions(s, "v1", third.created_at) == [(other.id, False)]


def test_of_a_flood_only_the_first_opinions_are_read(
    database: Database, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feedback, "MOST_OPINIONS", 2)
    for value in (1, -1, -1, -1):
        person.rate(person.ask("Hi", "Hello")[0], value)
    other = Person(database)
    other.rate(other.ask("Hi", "Hello")[0], 1)
    with database.read() as s:
        said = feedback.opinions(s, "base")
    assert said == [(person.id, True), (person.id, False), (other.id, True)]


def test_each_kind_is_counted(database: Database, person: Person) -> None:
    first, second = person.ask("Hi", "Hello", "Good day")
    person.rate(first, 1)
    person.rate(second, -1)
    person.edit(second, "Howdy")
    person.choose(first, second)
    database.write(lambda s: feedback.signal(s, person.id, first.id, "copy"))
    assert counts(database) == feedback.Counts(
        total=4, waiting=4, ratings=2, edits=1, choices=1, signals=1
    )


@pytest.mark.parametrize(
    ("status", "waiting"),
    [
        ("promoted", 1),
        ("refused", 1),
        ("skipped", 3),
        ("failed", 3),
        ("interrupted", 3),
        ("running", 3),
    ],
)
def test_only_a_cycle_that_learned_consumes_what_it_saw(
    database: Database, person: Person, answer: Message, status: str, waiting: int
) -> None:
    person.rate(answer, 1)
    person.rate(answer, -1)
    run_cycle(database, status)
    person.rate(answer, 1)
    assert counts(database).waiting == waiting


def test_what_a_cycle_consumed_does_not_wait_again_after_a_failed_one(
    database: Database, person: Person, answer: Message
) -> None:
    person.rate(answer, 1)
    run_cycle(database, "promoted")
    person.rate(answer, -1)
    run_cycle(database, "failed")
    assert counts(database).waiting == 1


def test_a_batch_of_browser_signals_counts_once(database: Database, person: Person) -> None:
    def batch(page: str, seq: int) -> bool:
        return database.write(lambda s: feedback.first_time(s, page, seq, person.id))

    assert [batch("p", 1), batch("p", 1), batch("p", 2), batch("q", 1)] == [True, False, True, True]


def test_what_is_undone_with_a_conversation_change_is_undone_whole(
    database: Database, person: Person, answer: Message
) -> None:
    def rate_and_fail(s: Session) -> None:
        feedback.rate(s, person.id, answer.id, 1)
        conversations.set_head(s, person.conversation, "0" * 32)

    with pytest.raises(NotYours):
        database.write(rate_and_fail)
    assert counts(database).total == 0
