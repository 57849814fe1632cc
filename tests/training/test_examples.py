from dataclasses import replace

import pytest

from training.examples import check, opinions, preferences
from training.prompts import Answer
from training.targets import IMPLICIT, Pair, Place, Rated, Targets, TooLittle


def rated(question: str, answer: str, target: float, *, source: str = "rating") -> Rated:
    turns = [{"role": "user", "content": question}]
    return Rated(turns, Answer(answer), target, 1.0, Place("c", question), source)


def pair(question: str, chosen: str, rejected: str, *, source: str = "choice") -> Pair:
    turns = [{"role": "user", "content": question}]
    return Pair(turns, Answer(chosen), Answer(rejected), 1.0, Place("c", question), source)


def texts(targets: Targets) -> list[tuple[str, str]]:
    return [(p.chosen.text, p.rejected.text) for p in preferences(targets)]


def test_an_answer_counts_once_and_a_thumb_outweighs_a_choice() -> None:
    targets = Targets([rated("q", "fine", 1.0)], [pair("q", "better", "fine")])
    assert [(o.answer.text, o.liked) for o in opinions(targets)] == [
        ("fine", True),
        ("better", True),
    ]


def test_the_same_words_with_and_without_an_end_are_two_answers() -> None:
    whole = rated("q", "fine", 1.0)
    stopped = replace(whole, answer=Answer("fine", ended=False), target=0.0)
    both = Targets([whole, stopped])
    assert [(o.answer, o.liked) for o in opinions(both)] == [
        (Answer("fine"), True), (Answer("fine", ended=False), False)
    ]  # fmt: skip
    (made,) = preferences(both)
    assert (made.chosen, made.rejected) == (whole.answer, stopped.answer)


def test_what_is_only_suggested_is_left_out() -> None:
    hints = Targets(
        [rated("q", "a", 1.0, source=IMPLICIT)], [pair("q", "b", "c", source="regenerate")]
    )
    assert opinions(hints) == []
    assert preferences(hints) == []


def test_liked_and_disliked_answers_to_the_same_question_make_a_pair() -> None:
    targets = Targets([rated("q", "good", 1.0), rated("q", "bad", 0.0), rated("r", "worse", 0.0)])
    assert texts(targets) == [("good", "bad")]


def test_a_question_that_many_rated_makes_no_more_pairs_than_answers() -> None:
    likes = [rated("q", f"good {i}", 1.0) for i in range(3)]
    dislikes = [rated("q", f"bad {i}", 0.0) for i in range(2)]
    assert texts(Targets(likes + dislikes)) == [
        ("good 0", "bad 0"), ("good 1", "bad 1"), ("good 2", "bad 0")
    ]  # fmt: skip


def test_a_choice_is_told_once_and_outweighs_two_thumbs() -> None:
    agreed = Targets([rated("q", "a", 1.0), rated("q", "b", 0.0)], [pair("q", "a", "b")])
    contrary = Targets([rated("q", "a", 1.0), rated("q", "b", 0.0)], [pair("q", "b", "a")])
    assert texts(agreed) == [("a", "b")]
    assert texts(contrary) == [("b", "a")]


@pytest.mark.parametrize(
    ("update", "targets", "missing"),
    [
        ("kto", Targets([rated("q", "a", 1.0)]), "liked and disliked"),
        ("dpo", Targets([rated("q", "a", 1.0), rated("r", "b", 0.0)]), "DPO needs pairs"),
        ("sft", Targets([rated("q", "a", 0.0)]), "liked answers"),
    ],
)
def test_an_update_says_what_it_lacks(update: str, targets: Targets, missing: str) -> None:
    with pytest.raises(TooLittle, match=missing):
        check(targets, update)


@pytest.mark.parametrize("update", ["ppo", "kto", "dpo", "sft"])
def test_a_choice_is_enough_for_every_update(update: str) -> None:
    check(Targets(pairs=[pair("q", "a", "b")]), update)
