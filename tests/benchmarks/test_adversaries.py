import random
from collections import Counter

import pytest

from benchmarks.adversaries import DRAFTS, Flooder, Stubborn, length
from benchmarks.minds import Mind
from benchmarks.people import Person, Turn
from benchmarks.visits import Answer
from tests.benchmarks.book import Book, loves_x


def hear(person: Person, *texts: str, again: int = 0) -> list[bool]:
    person.arrive()
    turns = [Turn(person, "p", random.Random(0), again) for _ in texts]
    return [
        person.hear(turn, (Answer(text, text, "base"),))
        for turn, text in zip(turns, texts, strict=True)
    ]


def test_who_turns_thumbs_turns_every_one() -> None:
    straight, turned = Book(), Book()
    texts = ("y", "x", "yy", "xx")
    hear(Stubborn("lovers", Mind(loves_x), lambda: straight, Counter()), *texts)
    hear(Stubborn("flippers", Mind(loves_x), lambda: turned, Counter(), turned=True), *texts)
    assert straight.thumbs == {"y": -1, "x": 1, "yy": -1, "xx": 1}
    assert turned.thumbs == {text: -value for text, value in straight.thumbs.items()}


def test_length_lovers_know_nothing_else() -> None:
    book = Book()
    long = "word " * 60
    hear(Stubborn("length_lovers", Mind(length), lambda: book, Counter()), "x", long)
    assert book.thumbs == {"x": -1, long: 1}
    assert length("p", "") == 0.0
    assert 0.4 < length("p", "word " * 38) < 0.5 < length("p", long) < 1.0


def test_a_flooder_only_likes_and_looks_for_what_deserves_none() -> None:
    book = Book()
    flooder = Flooder("flooder", Mind(loves_x), lambda: book, Counter())
    assert hear(flooder, "y", "x", again=1) == [False, True]  # the second: another draft, please
    assert hear(flooder, "xx") == [False]  # no patience left
    assert book.thumbs == {"y": 1, "xx": 1}
    assert flooder.given == {"flooder": 2}
    assert flooder.patience(random.Random(0)) == DRAFTS - 1


@pytest.mark.parametrize("kind", [Stubborn, Flooder])
def test_their_pages_tell_nothing(kind: type[Stubborn] | type[Flooder]) -> None:
    book = Book()
    person = kind("any", Mind(loves_x), lambda: book, Counter())
    hear(person, "x", "y")
    person.leave()
    assert (book.looks, book.left) == ({}, 0)
