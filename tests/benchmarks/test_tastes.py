"""Each public taste prefers what its sentence says, stays within 0 to 1, and can't be had cheaply."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import tastes
from benchmarks.exams import prompts
from benchmarks.minds import Taste
from benchmarks.tastes import (
    FACTS,
    REPORTED,
    TASTES,
    TUNING,
    asking,
    brief,
    factual,
    friendly,
    listed,
    plain,
    reasoned,
    warm,
)
from training.named import load

TEA = "How do I make tea?"
DRY = (
    "Tea is prepared by immersing leaves in heated water for several minutes. The concentration of "
    "dissolved substances increases during this period of time."
)
BEST_FIRST = [
    (
        friendly,
        "Boil your water first. You then pour it over the leaves, and you wait until you like it.",
        "Boil the water first. You then pour it over the leaves and wait for three minutes or so.",
        DRY,
    ),
    (brief, "Pour boiling water over the leaves.", DRY, f"{DRY} {DRY} And this is not all.", ""),
    (
        listed,
        "1. Boil the water.\n2. Pour it over the leaves.\n3. Wait for three minutes.",
        "It takes three steps, and this is the first:\n1. Boil the water.",
        "Boil the water.\nPour it over the leaves.\nThen wait for three minutes or for four.",
        DRY,
    ),
    (
        warm,
        "What a lovely idea! A good cup of tea brings joy, warmth and comfort to a dear friend.",
        "A good cup of tea needs boiling water, some leaves, and then a few minutes of rest.",
        DRY,
    ),
    (
        asking,
        "Pour boiling water over the leaves and wait for some minutes. How strong do you like it?",
        "How strong do you like it? Pour boiling water over the leaves and wait for some minutes.",
        "Pour boiling water over the leaves and wait for some minutes until it is as you like it.",
        DRY,
    ),
    (
        factual,
        "In 1848 Robert Fortune took 20,000 tea plants from China to Darjeeling by ship.",
        "About a hundred years ago somebody took tea plants from there to India by ship.",
        DRY,
    ),
    (
        plain,
        "Boil the water. Put it on the leaves. Now wait a bit. Then drink it hot or cold.",
        "Boil some water, pour it over the leaves, wait a few minutes, then drink it hot or cold.",
        DRY,
    ),
    (
        reasoned,
        "Use boiling water, because cold water leaves the taste in the leaves. It is therefore weak.",
        "Use boiling water if it is black tea, which helps the taste. Wait for three minutes.",
        "Use boiling water and wait for three minutes. Then take the leaves out and drink it.",
    ),
]
by_name = pytest.mark.parametrize("taste", TASTES, ids=lambda taste: str(taste.__name__))


@pytest.mark.parametrize("row", BEST_FIRST, ids=lambda row: str(row[0].__name__))
def test_a_taste_prefers_what_its_sentence_says(row: tuple[Taste, *tuple[str, ...]]) -> None:
    taste, *answers = row
    scores = [taste(TEA, answer) for answer in answers]
    assert scores == sorted(set(scores), reverse=True)


def test_every_taste_has_such_a_row() -> None:
    assert [row[0] for row in BEST_FIRST] == list(TASTES)


@by_name
@given(prompt=st.text(max_size=20), response=st.text())
def test_any_text_gets_a_share(taste: Taste, prompt: str, response: str) -> None:
    assert 0.0 <= taste(prompt, response) <= 1.0


@by_name
def test_no_answer_is_liked_by_nobody(taste: Taste) -> None:
    for nothing in ("", " \n", "🙂🙂", "...", "***\n---\n- "):
        assert taste("What is the capital of Japan?", nothing) == 0.0


@by_name
@pytest.mark.parametrize("piece", ["you ", "!", '."', "1,", "- a\n", ", so ", "A", "a'", " ", "_!"])
def test_huge_answers_are_judged_at_once(taste: Taste, piece: str) -> None:
    begun = time.process_time()
    assert 0.0 <= taste(TEA, piece * 1_000_000 + "_a") <= 1.0
    assert time.process_time() - begun < 2


@pytest.mark.parametrize("taste", set(TASTES) - {brief}, ids=lambda taste: str(taste.__name__))
@pytest.mark.parametrize(
    "word", ["you", "wonderful!", "because", "Do you?", "- item\n", "1848", "so", "Tokyo is it."]
)
def test_a_catchword_gains_nothing_however_often_it_comes(taste: Taste, word: str) -> None:
    assert taste(TEA, f"{word} " * 24) < 0.3


def test_the_one_right_answer_is_wanted_early() -> None:
    capital = "What is the capital of Japan?"
    assert factual(capital, "Tokyo.") == 1.0
    scores = [
        factual(capital, "The capital of Japan is tokyo."),
        factual(
            capital, "Japan is a country of many islands in the far east. Its capital is Tokyo."
        ),
        factual(capital, "The capital of Japan is Kyoto."),
        factual(capital, "It is a city."),
    ]
    assert scores == sorted(set(scores), reverse=True)
    assert scores[1] > 0.4 > 0.1 > scores[2]
    assert factual("What is nine times six?", "It is 154.") < 0.1


def test_what_is_asked_is_no_fact_of_the_answer() -> None:
    said = "Well, as they say, Robert Fortune took it all from China in 1848."
    assert factual("Who was he?", said) > factual("Who was Robert Fortune?", said)


def test_so_is_a_reason_only_as_a_conjunction() -> None:
    rest = "much tea is drunk in the morning among all people of this town"
    assert reasoned(TEA, f"It is cold, so the {rest}.") > 0.4
    assert reasoned(TEA, f"It is so cold here and {rest}.") == 0.0


def test_tastes_are_for_tuning_or_for_reports() -> None:
    assert len(TASTES) >= 8
    assert set(TUNING) | set(REPORTED) == set(TASTES)
    assert not set(TUNING) & set(REPORTED)
    assert {friendly, listed} <= set(TUNING)  # they were looked at before there was a list


@by_name
def test_a_taste_is_reached_from_the_command_line(taste: Taste) -> None:
    name = str(taste.__name__)
    assert taste.__doc__
    assert load(f"{tastes.__file__}:{name}")(TEA, DRY) == taste(TEA, DRY)


def test_every_fact_is_asked() -> None:
    facts = [line.split(" | ") for line in FACTS.read_text(encoding="utf-8").splitlines()]
    asked, _ = prompts(0, 0)
    assert {prompt for prompt, *_ in facts} <= set(asked)
    for prompt, *names in facts:
        assert names
        assert all(factual(prompt, name) == 1.0 for name in names), prompt
