from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from storage import conversations, feedback, transcripts
from storage.database import Database
from storage.models import Message
from storage.transcripts import PORTION
from tests.conftest import on_sqlite
from tests.storage.people import Person


@pytest.fixture
def session(database: Database, person: Person) -> Iterator[Session]:
    """Opened by the first look, after the person has talked."""
    assert person.id
    with database.read() as session:
        yield session


def prompt(session: Session, answer: Message) -> list[str]:
    """The texts of the turns that an answer was given to."""
    for transcript in transcripts.read_all(session):
        if answer.id in transcript.messages:
            turns = transcript.prompt(transcript.messages[answer.id])
            roles = [turn["role"] for turn in turns]
            assert roles == (["user", "assistant"] * len(turns))[: len(turns)]
            return [turn["content"] for turn in turns]
    raise AssertionError(answer.id)


def test_a_prompt_holds_the_turns_before_and_of_other_branches_none(
    session: Session, person: Person
) -> None:
    person.ask("Hi", "Go away", "Hello")
    [answer] = person.ask("How are you?", "Fine")
    assert prompt(session, answer) == ["Hi", "Hello", "How are you?"]


def test_a_prompt_is_what_the_model_was_given(session: Session, person: Person) -> None:
    [first] = person.ask("Hi", "Helo")
    person.edit(first, "Hello")
    [second] = person.ask("How are you?", "Fine")
    person.edit(first, "Hello, later")
    [third] = person.ask("And now?", "Better")
    assert prompt(session, second) == ["Hi", "Hello", "How are you?"]
    assert prompt(session, third) == ["Hi", "Hello, later", "How are you?", "Fine", "And now?"]


def test_questions_without_an_answer_between_them_are_one_turn(
    session: Session, person: Person
) -> None:
    person.say("Are you there?")
    [answer] = person.ask("Hey!", "Here")
    assert prompt(session, answer) == ["Are you there?\n\nHey!"]


def test_an_answer_without_text_is_left_out(session: Session, person: Person) -> None:
    question = person.say("Hi")
    person.answer(question, "", close=False)
    person.answer(question, "Hello")
    [transcript] = transcripts.read_all(session)
    assert [answer.text for answer in transcript.answers()] == ["Hello"]


def test_only_conversations_with_feedback_are_rated(session: Session, person: Person) -> None:
    Person(person.database).ask("Silent?", "Yes")
    person.rate(person.ask("Hi", "Hello")[0], 0)
    [transcript] = transcripts.read_rated(session)
    assert transcript.conversation == person.conversation.id
    assert transcript.ratings() == {}


def test_conversations_with_feedback_or_signals_are_noted(session: Session, person: Person) -> None:
    Person(person.database).ask("Unseen?", "Yes")
    silent = Person(person.database)
    seen = silent.ask("Silent?", "Yes")[0]
    person.database.write(lambda s: feedback.signal(s, silent.id, seen.id, "copy", 3.0))
    person.rate(person.ask("Hi", "Hello")[0], 1)
    noted = [transcript.conversation for transcript in transcripts.read_noted(session)]
    assert noted == [person.conversation.id, silent.conversation.id]


def test_conversations_with_opinions_lead_so_that_readers_see_every_columns_type(
    session: Session, person: Person
) -> None:
    person.ask("Silent?", "Yes")
    talker, reasoner = Person(person.database), Person(person.database)
    answer = talker.ask("Hi", "Hello")[0]
    talker.rate(answer, 1)
    person.database.write(lambda s: feedback.signal(s, talker.id, answer.id, "copy"))
    reasoner.rate(reasoner.ask("Hi", "Hello there")[0], -1, ["Other"])
    order = [transcript.conversation for transcript in transcripts.read_all(session)]
    assert order == [who.conversation.id for who in (reasoner, talker, person)]


def test_more_conversations_than_one_portion_are_all_read_once(
    session: Session, person: Person
) -> None:
    number = 2 * PORTION + 30

    def work(s: Session) -> None:
        for _ in range(number):
            conversations.say(s, conversations.start(s, person.id), "Hi")

    person.database.write(work)
    read = [transcript.conversation for transcript in transcripts.read_all(session)]
    assert len(read) == len(set(read)) == number + 1


@on_sqlite
def test_to_read_all_conversations_in_order_none_are_sorted(session: Session) -> None:
    asked: list[str] = []

    def note(*said: Any) -> None:  # noqa: ANN401 - what SQLAlchemy says of a statement
        asked.append(said[2])

    connection = session.connection()
    event.listen(connection, "before_cursor_execute", note)
    list(transcripts.read_all(session))
    *_, last = [
        statement for statement in asked if "ORDER BY conversations.created_at" in statement
    ]
    plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {last}", ("",) * last.count("?"))
    steps = [row[-1] for row in plan]
    assert any("ix_conversations_created_at_id" in step for step in steps)
    assert not [step for step in steps if "TEMP B-TREE" in step]
