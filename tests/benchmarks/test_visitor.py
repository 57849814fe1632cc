import pytest
from sqlalchemy import select

from benchmarks.visitor import Visitor
from benchmarks.visits import Page
from hitl_chat.service import NotYours, Service
from storage.database import Database
from storage.models import Conversation, Feedback, Signal
from tests.scripted import ScriptedEngine


def test_a_visitor_is_one_rater_with_a_conversation_for_each_question(
    service: Service, database: Database
) -> None:
    visitors = [Visitor(service), Visitor(service)]
    for visitor in visitors:
        for text in ("one", "two", "three"):
            visitor.rate(visitor.ask(text).message, 1)
    with database.read() as session:
        raters = session.scalars(select(Conversation.rater_id)).all()
        rated = session.scalars(select(Feedback.rater_id)).all()
    assert len(set(raters)) == len(set(rated)) == 2
    assert [rated.count(rater) for rater in set(rated)] == [3, 3]
    with pytest.raises(NotYours):
        visitors[0].rate(visitors[1].ask("mine").message, 1)


def test_a_visitor_compares_and_chooses(
    service: Service, engine: ScriptedEngine, database: Database
) -> None:
    engine.enqueue("short", "rather a lot longer")
    visitor: Page = Visitor(service)
    first, second = visitor.compare("hello")
    assert (first.text, second.text) == ("short", "rather a lot longer")
    visitor.choose(second.message, first.message, "better")
    with database.read() as session:
        (choice,) = session.scalars(select(Feedback))
    assert (choice.message_id, choice.other_id) == (second.message, first.message)


def test_the_page_tells_everything_when_it_is_left_and_once(
    service: Service, database: Database
) -> None:
    visitor = Visitor(service)
    answers = [visitor.ask(f"question {place}") for place in range(60)]  # more than a beacon takes

    def noted() -> list[tuple[str, str]]:
        with database.read() as session:
            return [(s.kind, s.message_id) for s in session.scalars(select(Signal))]

    for answer in answers:
        visitor.look(answer.message, dwell_ms=1.0, copied=len(answer.text))
    assert noted() == []
    visitor.leave()
    visitor.leave()
    messages = [answer.message for answer in answers]
    assert sorted(noted()) == sorted((k, m) for m in messages for k in ("dwell_ms", "copy"))


def test_nobody_looks_longer_than_an_answer_exists(service: Service, database: Database) -> None:
    visitor = Visitor(service)
    visitor.look(visitor.ask("hello").message, dwell_ms=10**9, copied=0)
    visitor.leave()
    with database.read() as session:
        (signal,) = session.scalars(select(Signal))
    assert signal.amount is not None
    assert 0 < signal.amount < 60_000
