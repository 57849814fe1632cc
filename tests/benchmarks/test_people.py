from collections import Counter
from pathlib import Path
from threading import Lock

import pytest

from benchmarks.people import (
    Answer,
    Crowd,
    TasteError,
    examine,
    friendly,
    judge,
    load_taste,
    prompts,
    wins,
)


class Book:
    """A visit to a product that answers from a list, and remembers the thumbs."""

    def __init__(self, *texts: str) -> None:
        self.texts = texts
        self.asked: list[str] = []
        self.thumbs: dict[str, int] = {}
        self.again: list[str] = []
        self._lock = Lock()

    def ask(self, text: str) -> Answer:
        with self._lock:
            self.asked.append(text)
            place = len(self.asked)
        return Answer(f"m{place}", self.texts[place % len(self.texts)], "base")

    def regenerate(self, message: str) -> Answer:
        self.again.append(message)
        return self.ask("again")

    def rate(self, message: str, value: int) -> None:
        assert message not in self.thumbs
        self.thumbs[message] = value


def loves_x(prompt: str, response: str) -> float:
    return 1.0 if "x" in response else 0.0


@pytest.mark.parametrize("number", [1, 2, 13, 40])
def test_exactly_as_many_thumbs_as_asked_for(number: int) -> None:
    book = Book("x", "y", "z")
    crowd = Crowd(loves_x, seed=0)
    crowd.rate(book, ["a", "b", "c"], number, lambda _: None)
    assert len(book.thumbs) == crowd.ratings == number


def test_people_like_what_is_better_than_they_expect() -> None:
    crowd = Crowd(lambda prompt, text: len(text) / 100, seed=0)
    assert not crowd.likes("p", "short")  # nothing seen yet: half way is expected
    assert crowd.likes("p", "a bit longer")
    assert not crowd.likes("p", "tiny")


def test_some_who_dislike_an_answer_ask_again() -> None:
    book = Book("y")
    Crowd(loves_x, seed=0).rate(book, ["a"], 60, lambda _: None)
    assert book.again
    assert all(value == -1 for value in book.thumbs.values())


def test_examining_rates_nothing() -> None:
    book = Book("x", "y")
    scores, answers = examine(book, loves_x, ["a", "b", "c", "d"])
    assert Counter(scores) == {1.0: 2, 0.0: 2}
    assert len(answers) == 4
    assert not book.thumbs


def test_prompts_that_are_examined_are_never_rated() -> None:
    rated, unseen = prompts(seed=3, unseen=48)
    assert len(unseen) == 48
    assert not set(rated) & set(unseen)
    assert prompts(seed=3, unseen=48) == (rated, unseen)
    assert prompts(seed=4, unseen=48) != (rated, unseen)


def test_ties_count_half() -> None:
    assert wins([1, 1, 0], [0, 1, 1]) == 0.5


@pytest.mark.parametrize("score", [1.5, -0.1, float("nan"), "good", None])
def test_a_rater_that_returns_no_share_is_named(score: object) -> None:
    with pytest.raises(TasteError, match="Return a number from 0 to 1"):
        judge(lambda prompt, response: score, "p", "r")  # type: ignore[arg-type, return-value]


def test_a_taste_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def short(prompt, response):\n    return 1.0 / (1 + len(response))\n")
    assert load_taste(f"{file}:short")("p", "abc") == 0.25
    with pytest.raises(TasteError, match="no function 'long'"):
        load_taste(f"{file}:long")
    with pytest.raises(TasteError, match=r"Use FILE\.py:FUNCTION"):
        load_taste("nowhere.py:short")


def test_the_demo_taste_is_a_share() -> None:
    assert friendly("p", "You know your way, and you're sure you'll make it.") == 1.0
    assert friendly("p", "It is so.") == 0.0
