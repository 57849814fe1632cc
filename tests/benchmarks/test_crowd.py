import itertools
from typing import Any

import pytest
from sqlalchemy import select

from benchmarks.crowd import Crowd
from benchmarks.mix import Mix
from benchmarks.visitor import Visitor
from hitl_chat.service import Service
from storage import feedback
from storage.database import Database
from storage.models import Conversation, Feedback, Message, Signal
from tests.benchmarks.book import Book, loves_x
from tests.scripted import ScriptedEngine
from training.lessons import learnable

MIXED = Mix(
    noise=0.1,
    disagreement=0.2,
    position_bias=0.1,
    length_bias=0.1,
    compare=0.2,
    silent=0.2,
    flippers=0.2,
    length_lovers=0.1,
    flooder=20,
    sybils=10,
)
PROMPTS = ["x", "y and y", "why", "fix it", "no", "next one", "a long one without it", "mix"]


def by_length(prompt: str, response: str) -> float:
    return (len(response) % 7) / 7


@pytest.mark.parametrize("number", [1, 2, 13, 40])
def test_exactly_as_many_thumbs_as_asked_for(number: int) -> None:
    book = Book("x", "y", "z")
    crowd = Crowd(loves_x, seed=0)
    told: list[int] = []
    crowd.rate(lambda: book, ["a", "b", "c"], number, told.append)
    assert len(book.thumbs) == crowd.ratings == number
    assert crowd.given == {"honest": number}
    assert told == sorted(told)
    assert told[-1] == number
    assert not book.looks
    assert not book.choices


def test_some_who_dislike_an_answer_ask_again() -> None:
    book = Book("y")
    Crowd(loves_x, seed=0).rate(lambda: book, ["a"], 60, lambda _: None)
    assert book.again
    assert all(value == -1 for value in book.thumbs.values())


class Log:
    """All visits of a crowd; each answers what it was asked, some later than others."""

    def __init__(self, hurry: float = 0.0) -> None:
        self.books: list[Book] = []
        self._hurry = itertools.cycle([hurry, 0.0, hurry / 2])

    def open(self) -> Book:
        self.books.append(Book(hurry=next(self._hurry)))
        return self.books[-1]

    def done(self) -> list[Any]:
        return [
            (sorted(b.asked), b.thumbs, sorted(b.again), b.choices, b.looks, b.left)
            for b in self.books
        ]


def chat(mix: Mix, seed: int, hurry: float = 0.0) -> Log:
    log = Log(hurry)
    Crowd(by_length, seed, mix).rate(log.open, PROMPTS, 64, lambda _: None)
    return log


def test_the_same_answers_get_the_same_thumbs_whoever_is_answered_first() -> None:
    assert chat(Mix(), 5, hurry=0.02).done() == chat(Mix(), 5).done()


def test_the_same_seed_does_the_same_whatever_the_mix() -> None:
    assert chat(MIXED, 5, hurry=0.02).done() == chat(MIXED, 5).done()
    assert chat(MIXED, 5).done() != chat(MIXED, 6).done()


def test_the_honest_say_the_same_whoever_else_comes() -> None:
    alone = chat(Mix(), 3).done()
    for harm in (Mix(flippers=0.3), Mix(flooder=30), Mix(sybils=15), Mix(length_lovers=0.3)):
        among = chat(harm, 3).done()
        assert among != alone
        assert all(one in among for one in alone)


def test_people_keep_one_visit_over_several_conversations() -> None:
    log = chat(Mix(), 0)
    assert len(log.books) == 8
    assert all(len(book.asked) >= 4 for book in log.books)


def test_harm_is_counted_apart_and_comes_on_top() -> None:
    crowd = Crowd(by_length, 0, MIXED)
    crowd.rate(Log().open, PROMPTS, 50, lambda _: None)
    given = crowd.given
    assert crowd.ratings == given["honest"] == 50
    assert (given["flippers"], given["length_lovers"], given["flooder"]) == (20, 10, 20)
    assert 10 <= given["sybils"] <= 20
    assert given["silent"] >= 20  # and a few drafts
    assert given["choices"] > 0


@pytest.fixture
def answered(service: Service) -> Crowd:
    """A mixed crowd that used the real service."""
    crowd = Crowd(loves_x, 1, MIXED)
    crowd.rate(lambda: Visitor(service), PROMPTS, 40, lambda _: None)
    return crowd


def thumbs(database: Database) -> list[tuple[str, str, int]]:
    """Return rater, answer and value of each rating, in the order they came."""
    with database.read() as session:
        rows = session.execute(
            select(Feedback.rater_id, Message.text, Feedback.value)
            .join(Message, Message.id == Feedback.message_id)
            .where(Feedback.kind == "rating")
            .order_by(Feedback.id)
        )
        return [(rater, text, value or 0) for rater, text, value in rows]


def test_the_service_sees_thumbs_choices_and_signals_of_many_raters(
    answered: Crowd, database: Database, engine: ScriptedEngine
) -> None:
    given = answered.given
    loud = ("honest", "flippers", "length_lovers", "flooder", "sybils")
    rated = thumbs(database)
    assert len(rated) == sum(given[kind] for kind in loud)
    with database.read() as session:
        choices = session.scalars(select(Feedback).where(Feedback.kind == "choice")).all()
        signals = session.scalars(select(Signal)).all()
        silent = set(session.scalars(select(Conversation.rater_id))) - {r for r, _, _ in rated}
    assert len(choices) == given["choices"]
    assert {choice.verdict for choice in choices} <= {"better", "tie", "both_bad"}
    assert {one.kind for one in signals} == {"regenerate", "dwell_ms", "copy"}
    assert {one.rater_id for one in signals if one.kind == "dwell_ms"} >= silent
    assert len(silent) >= 2
    assert len({rater for rater, _, _ in rated}) > 15
    assert engine.active == 0


def test_a_flooder_is_one_rater_who_only_likes_what_the_taste_hates(
    database: Database, service: Service
) -> None:
    crowd = Crowd(loves_x, 1, Mix(flooder=30))
    crowd.rate(lambda: Visitor(service), PROMPTS, 16, lambda _: None)
    by_rater: dict[str, list[tuple[str, int]]] = {}
    for rater, text, value in thumbs(database):
        by_rater.setdefault(rater, []).append((text, value))
    flood = max(by_rater.values(), key=len)
    assert len(flood) == 30
    assert {value for _, value in flood} == {1}
    hated = sum("x" not in text for text, _ in flood)
    assert hated >= 15  # the echo is the same in each draft: some x can't be avoided


def test_harm_is_interleaved_in_time(database: Database, service: Service) -> None:
    crowd = Crowd(loves_x, 1, Mix(sybils=40))
    crowd.rate(lambda: Visitor(service), PROMPTS, 40, lambda _: None)
    raters = [rater for rater, _, _ in thumbs(database)]
    busy = {rater for rater in raters if raters.count(rater) > 2}
    half = len(raters) // 2
    first = sum(rater not in busy for rater in raters[:half])
    last = sum(rater not in busy for rater in raters[half:])
    assert first > 0.25 * last
    assert len(set(raters) - busy) == 40


def test_what_the_silent_do_can_be_told_apart(database: Database, service: Service) -> None:
    Crowd(loves_x, 1, Mix(silent=0.5)).rate(lambda: Visitor(service), PROMPTS, 48, lambda _: None)
    with database.read() as session:
        rows = session.execute(
            select(Signal.kind, Message.text).join(Message, Message.id == Signal.message_id)
        ).all()
    copied = {text for kind, text in rows if kind == "copy"}
    again = {text for kind, text in rows if kind == "regenerate"}
    assert copied
    assert again
    assert all("x" in text for text in copied)


def test_the_gestures_of_the_silent_train_once_thumbs_bear_them_out(
    database: Database, service: Service
) -> None:
    crowd = Crowd(loves_x, 1, Mix(silent=0.4))
    crowd.rate(lambda: Visitor(service), PROMPTS, 16, lambda _: None)
    with database.read() as session:
        found, noted = learnable(session, feedback.mark(session), feedback.last_signal(session))
    assert noted["implicit"]["trusted"] is False
    assert len(found.said) == len(found.rated)
    crowd.rate(lambda: Visitor(service), PROMPTS, 480, lambda _: None)
    with database.read() as session:
        mark, signal = feedback.mark(session), feedback.last_signal(session)
        found, noted = learnable(session, mark, signal)
    assert noted["implicit"]["trusted"] is True
    quiet = [r for r in found.rated if r.source == "implicit"]
    assert len(quiet) >= 8
    right = sum(r.weight for r in quiet if ("x" in r.answer.text) == (r.target > 0.5))
    assert right > 0.65 * sum(r.weight for r in quiet)  # most of what they like goes uncopied
    crowd.rate(lambda: Visitor(service), PROMPTS, 496, lambda _: None)
    with database.read() as session:
        assert learnable(session, mark, signal) == (found, noted)  # whatever came since
