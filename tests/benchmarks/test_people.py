import pytest

from benchmarks.people import Crowd
from tests.benchmarks.book import Book, loves_x


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
