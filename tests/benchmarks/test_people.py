import random
from collections import Counter
from dataclasses import dataclass

import pytest

from benchmarks.minds import Mind, Temper
from benchmarks.mix import Mix
from benchmarks.people import COPIES, GLANCE_MS, WORD_MS, Honest, Person, Silent, Turn
from benchmarks.visits import Answer, Visit
from tests.benchmarks.book import Book, loves_x

GOOD, BAD = Answer("good", "x and so on", "base"), Answer("bad", "this and that", "base")


def honest(visit: Visit, **habits: float) -> Honest:
    person = Honest(
        "honest",
        Mind(loves_x),
        lambda: visit,
        Counter(),
        Temper(),
        Mix(**habits),  # type: ignore[arg-type]
    )
    person.arrive()
    return person


def silent(visit: Visit) -> Silent:
    person = Silent("silent", Mind(loves_x), lambda: visit, Counter(), Temper())
    person.arrive()
    return person


def turn(person: Person, seed: int = 0) -> Turn:
    return Turn(person, "p", random.Random(seed))


def test_the_honest_like_what_is_better_than_they_expect() -> None:
    book = Book()
    person = honest(book)
    assert person.hear(turn(person), (BAD,)) is True  # and another draft would be welcome
    assert person.hear(turn(person), (GOOD,)) is False
    assert book.thumbs == {"bad": -1, "good": 1}
    assert person.given == {"honest": 2}
    assert not book.looks


def test_noise_turns_a_thumb_now_and_then() -> None:
    book = Book()
    person = honest(book, noise=0.2)
    for place in range(1_000):
        person.hear(turn(person, seed=place), (Answer(f"m{place}", "y", "base"),))
    turned = sum(value == 1 for value in book.thumbs.values())
    assert 150 < turned < 250


def test_who_is_noisy_asks_again_by_what_they_feel() -> None:
    person = honest(Book(), noise=1.0)
    assert person.hear(turn(person), (BAD,)) is True
    assert person.hear(turn(person), (GOOD,)) is False


def test_drafts_are_asked_for_now_and_then() -> None:
    person = honest(Book(), compare=0.3)
    pairs = sum(len(person.ask(turn(person, seed=place))) == 2 for place in range(1_000))
    assert 250 < pairs < 350


@pytest.mark.parametrize(
    ("drafts", "choice"),
    [
        ((GOOD, BAD), ("good", "bad", "better")),
        ((BAD, GOOD), ("good", "bad", "better")),
        ((GOOD, Answer("too", "x too", "base")), ("too", "good", "tie")),
        ((BAD, Answer("too", "bad too", "base")), ("too", "bad", "both_bad")),
    ],
)
def test_of_two_drafts_the_better_one_is_chosen(
    drafts: tuple[Answer, Answer], choice: tuple[str, str, str]
) -> None:
    book = Book()
    person = honest(book)
    assert person.hear(turn(person), drafts) is False
    assert book.choices == [choice]
    assert person.given == {"choices": 1}
    assert not book.thumbs


def test_position_bias_takes_the_first_draft_unread() -> None:
    book = Book()
    person = honest(book, position_bias=0.2)
    for place in range(1_000):
        person.hear(turn(person, seed=place), (BAD, GOOD))
    first = book.choices.count(("bad", "good", "better"))
    assert 150 < first < 250
    assert first + book.choices.count(("good", "bad", "better")) == 1_000


def test_noise_turns_a_choice_too() -> None:
    book = Book()
    person = honest(book, noise=1.0)
    person.hear(turn(person), (BAD, GOOD))
    assert book.choices == [("bad", "good", "better")]


def test_the_silent_read_what_they_like_and_leave_the_rest() -> None:
    book = Book()
    person = silent(book)
    for place in range(500):
        person.hear(turn(person, seed=place), (Answer(f"bad{place}", "this and that", "base"),))
        person.hear(turn(person, seed=place), (Answer(f"good{place}", "x and so on", "base"),))
    assert not book.thumbs
    assert person.given == {"silent": 1_000}
    good = [look for message, look in book.looks.items() if message.startswith("good")]
    bad = [look for message, look in book.looks.items() if message.startswith("bad")]
    assert max(dwell for dwell, _ in bad) <= 1.5 * GLANCE_MS
    reading = GLANCE_MS + 4 * WORD_MS
    assert sum(dwell for dwell, _ in good) / 500 == pytest.approx(reading, rel=0.05)
    assert {copied for _, copied in bad} == {0}
    assert {copied for _, copied in good} == {0, len("x and so on")}
    assert sum(copied > 0 for _, copied in good) / 500 == pytest.approx(COPIES, abs=0.07)


def test_the_silent_ask_again_more_often() -> None:
    chance = random.Random(0)
    patience = {
        kind: sum(person.patience(chance) for _ in range(1_000))
        for kind, person in (("honest", honest(Book())), ("silent", silent(Book())))
    }
    assert 100 < patience["honest"] < 200
    assert 450 < patience["silent"] < 550


def test_a_page_tells_once_and_only_if_it_noted_something() -> None:
    book = Book()
    quiet, noted, mute = honest(book), honest(book, silent=0.3), silent(book)
    for person in (quiet, noted, mute):
        person.leave()
    quiet.hear(turn(quiet), (BAD,))
    quiet.leave()
    assert (book.left, book.looks) == (0, {})
    noted.hear(turn(noted), (GOOD, BAD))
    assert set(book.looks) == {"good", "bad"}
    mute.hear(turn(mute), (BAD,))
    for person in (noted, mute, noted, mute):
        person.leave()
    assert book.left == 2


@dataclass
class Bare:
    """A way in without a page."""

    def ask(self, text: str) -> Answer:
        return Answer("m", text, "base")

    def regenerate(self, message: str) -> Answer:
        return Answer("n", message, "base")

    def rate(self, message: str, value: int) -> None:
        pass


def test_without_a_browser_nothing_is_noted() -> None:
    person = silent(Bare())
    with pytest.raises(TypeError, match="no browser"):
        person.hear(turn(person), (BAD,))
    assert honest(Bare()).hear(turn(person), (BAD,)) is True


def test_a_visit_lasts_from_one_question_to_the_next() -> None:
    opened: list[Book] = []

    def open_book() -> Book:
        opened.append(Book())
        return opened[-1]

    person = Silent("silent", Mind(loves_x), open_book, Counter(), Temper())
    assert not opened
    for _ in range(3):
        person.arrive()
        person.ask(turn(person))
    assert len(opened) == 1
