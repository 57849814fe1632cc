import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storage import feedback, reviews, transcripts
from storage.database import Database
from storage.models import Message, Review
from storage.reviews import Decided
from tests.storage.people import Person


def decided(database: Database, message: Message) -> Decided:
    with database.read() as session:
        return reviews.decided(session, message.id)


def rated(database: Database) -> dict[str, int]:
    with database.read() as session:
        return {
            message: value
            for transcript in transcripts.read_rated(session)
            for message, value in transcript.ratings().items()
        }


def test_what_is_said_of_an_excluded_answer_is_not_read_until_it_is_restored(
    database: Database, person: Person
) -> None:
    bad, good = person.ask("Hi", "Spam")[0], person.ask("Hi again", "Hello")[0]
    person.rate(bad, -1)
    person.rate(bad, 1, comment="buy")
    person.rate(good, 1)
    database.write(lambda s: reviews.exclude(s, bad.id, "spam"))
    assert rated(database) == {good.id: 1}  # nor does the rating before the last one come back
    person.rate(bad, 1)
    assert rated(database) == {good.id: 1}
    database.write(lambda s: reviews.restore(s, bad.id))
    assert rated(database) == {bad.id: 1, good.id: 1}


def test_what_is_excluded_does_not_wait_for_training(database: Database, person: Person) -> None:
    bad, good = person.ask("Hi", "Spam", "Hello")
    person.rate(bad, -1)
    person.choose(good, bad)
    person.rate(good, 1)

    def waiting() -> tuple[int, int]:
        with database.read() as session:
            return feedback.counts(session).waiting, feedback.since(session, 0)

    assert waiting() == (3, 3)
    database.write(lambda s: reviews.exclude(s, bad.id, "spam"))
    assert waiting() == (1, 1)
    with database.read() as session:
        assert feedback.counts(session).total == 3
    database.write(lambda s: reviews.restore(s, bad.id))
    assert waiting() == (3, 3)


def test_an_excluded_edit_stands_in_no_prompt(database: Database, person: Person) -> None:
    first = person.ask("Hi", "Hello")[0]
    person.edit(first, "Buy this")
    second = person.ask("And?", "Fine")[0]
    person.rate(second, 1)
    database.write(lambda s: reviews.exclude(s, first.id, "spam"))
    with database.read() as session:
        [transcript] = transcripts.read_rated(session)
        turns = transcript.prompt(transcript.messages[second.id])
    assert [turn["content"] for turn in turns] == ["Hi", "Hello", "And?"]


@pytest.mark.parametrize("place", [0, 1])
def test_a_choice_is_left_out_with_either_of_its_drafts(
    database: Database, person: Person, place: int
) -> None:
    drafts = person.ask("Hi", "Hello", "Go away")
    person.choose(drafts[0], drafts[1])
    database.write(lambda s: reviews.exclude(s, drafts[place].id, "a joke"))
    with database.read() as session:
        assert list(transcripts.read_rated(session)) == []


def test_signals_are_left_out_too(database: Database, person: Person) -> None:
    answer = person.ask("Hi", "Hello")[0]
    database.write(lambda s: feedback.signal(s, person.id, answer.id, "copy"))
    database.write(lambda s: reviews.exclude(s, answer.id, "a bot"))
    with database.read() as session:
        assert list(transcripts.read_noted(session)) == []
        [transcript] = transcripts.read_all(session)
    assert transcript.signals == []


def test_excluded_ratings_judge_no_version(database: Database, person: Person) -> None:
    answer = person.ask("Hi", "Hello")[0]
    person.rate(answer, -1)
    database.write(lambda s: reviews.exclude(s, answer.id, "spam"))
    with database.read() as session:
        assert feedback.opinions(session, "base") == []


def test_the_newest_decision_of_a_kind_counts_and_all_stay(
    database: Database, person: Person
) -> None:
    answer = person.ask("Hi", "Hello")[0]
    assert decided(database, answer) == Decided(None, 0)
    database.write(lambda s: reviews.exclude(s, answer.id, " spam "))
    database.write(lambda s: reviews.judge(s, answer.id, -1))
    assert decided(database, answer) == Decided("spam", -1)
    database.write(lambda s: reviews.restore(s, answer.id))
    database.write(lambda s: reviews.judge(s, answer.id, 0))
    assert decided(database, answer) == Decided(None, 0)
    with database.read() as session:
        assert len(session.scalars(select(Review)).all()) == 4


def test_decisions_without_a_reason_or_an_answer_are_refused(
    database: Database, person: Person
) -> None:
    answer = person.ask("Hi", "Hello")[0]
    assert answer.parent_id is not None
    question = answer.parent_id
    with pytest.raises(ValueError, match="Give a reason"):
        database.write(lambda s: reviews.exclude(s, answer.id, " \x00 "))
    with pytest.raises(ValueError, match="the limit is 500"):
        database.write(lambda s: reviews.exclude(s, answer.id, "x" * 501))
    with pytest.raises(ValueError, match="no such answer"):
        database.write(lambda s: reviews.exclude(s, question, "spam"))
    with pytest.raises(ValueError, match="Use 1, -1, or 0"):
        database.write(lambda s: reviews.judge(s, answer.id, 2))
    with pytest.raises(ValueError, match="no such answer"):
        database.write(lambda s: reviews.judge(s, "gone", 1))


def test_reviews_go_with_the_answer_they_are_about(database: Database, person: Person) -> None:
    answer = person.ask("Hi", "Hello")[0]
    database.write(lambda s: reviews.exclude(s, answer.id, "names someone"))

    def forget(s: Session) -> None:
        s.execute(delete(Message).where(Message.id == answer.id))

    database.write(forget)
    with database.read() as session:
        assert session.scalars(select(Review)).all() == []


def test_all_that_one_rater_said_is_left_out_and_comes_back(
    database: Database, person: Person
) -> None:
    other = Person(database)
    theirs = other.ask("Hi", "Hello")[0]
    other.rate(theirs, 1)
    first, second = person.ask("Hi", "Spam")[0], person.ask("And?", "More spam")[0]
    person.rate(first, 1)
    person.rate(second, -1)
    assert database.write(lambda s: reviews.exclude_rater(s, first.id, "a flooder")) == 2
    assert rated(database) == {theirs.id: 1}
    later = person.ask("Still here", "Yes")[0]
    person.rate(later, 1)
    assert rated(database) == {theirs.id: 1, later.id: 1}
    assert database.write(lambda s: reviews.restore_rater(s, second.id)) == 2
    assert rated(database) == {theirs.id: 1, first.id: 1, second.id: -1, later.id: 1}


def test_an_answer_that_was_excluded_for_itself_keeps_its_reason(
    database: Database, person: Person
) -> None:
    first, second = person.ask("Hi", "Spam")[0], person.ask("And?", "More spam")[0]
    database.write(lambda s: reviews.exclude(s, first.id, "spam"))
    assert database.write(lambda s: reviews.exclude_rater(s, second.id, "a flooder")) == 1
    assert decided(database, first).excluded == "spam"
    assert decided(database, second).excluded == "a flooder"


def test_a_rater_is_not_excluded_without_a_reason_or_for_a_question(
    database: Database, person: Person
) -> None:
    answer = person.ask("Hi", "Hello")[0]
    question = person.say("And?")
    with pytest.raises(ValueError, match="Give a reason"):
        database.write(lambda s: reviews.exclude_rater(s, answer.id, " "))
    with pytest.raises(ValueError, match="no such answer"):
        database.write(lambda s: reviews.exclude_rater(s, question.id, "spam"))
    assert decided(database, answer).excluded is None
