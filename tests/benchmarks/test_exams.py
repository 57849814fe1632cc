from collections import Counter

import pytest

from benchmarks.exams import examine, prompts, wins
from tests.benchmarks.book import Book, loves_x


def test_examining_rates_nothing() -> None:
    book = Book("x", "y")
    scores, answers = examine(book, loves_x, ["a", "b", "c", "d"])
    assert Counter(scores) == {1.0: 2, 0.0: 2}
    assert len(answers) == 4
    assert not book.thumbs


@pytest.mark.parametrize("samples", [1, 2, 5])
def test_a_prompt_is_scored_by_the_mean_of_its_answers(samples: int) -> None:
    scores, answers = examine(Book(), lambda p, r: float(p == r == "a"), ["a", "b"], samples)
    assert scores == [1.0, 0.0]
    assert [answer.text for answer in answers] == ["a"] * samples + ["b"] * samples
    (mean,), _ = examine(Book("x", "y", "y", "y"), loves_x, ["a"], samples=4)
    assert mean == 0.25


def test_prompts_that_are_examined_are_never_rated() -> None:
    rated, unseen = prompts(seed=3, unseen=48)
    assert len(unseen) == 48
    assert not set(rated) & set(unseen)
    assert prompts(seed=3, unseen=48) == (rated, unseen)
    assert prompts(seed=4, unseen=48) != (rated, unseen)


def test_there_are_several_hundred_prompts_and_none_comes_twice() -> None:
    every, _ = prompts(seed=0, unseen=0)
    assert len(every) >= 400
    assert len({prompt.casefold() for prompt in every}) == len(every)
    assert all(prompt == prompt.strip() for prompt in every)


def test_ties_count_half() -> None:
    assert wins([1, 1, 0], [0, 1, 1]) == 0.5
