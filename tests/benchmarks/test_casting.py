from collections import Counter

import pytest

from benchmarks.casting import Arrival, Casting
from benchmarks.mix import Mix
from benchmarks.people import Person
from tests.benchmarks.book import Book, loves_x


def casting(mix: Mix, seed: int = 0) -> Casting:
    return Casting(loves_x, seed, mix, Book, Counter())


def people(arrivals: list[Arrival]) -> list[Person]:
    return list({id(one.who): one.who for one in arrivals}.values())


def test_nobody_else_comes_unless_asked() -> None:
    assert casting(Mix()).others(128) == []


@pytest.mark.parametrize(("number", "honest"), [(1, 8), (64, 8), (128, 16), (1_000, 125)])
def test_as_many_are_honest_as_the_thumbs_need(number: int, honest: int) -> None:
    assert len(casting(Mix()).honest(number)) == honest


@pytest.mark.parametrize("kind", ["silent", "flippers", "length_lovers"])
def test_a_share_is_of_all_people_and_of_all_they_ask(kind: str) -> None:
    mix = Mix(**{kind: 0.2})  # type: ignore[arg-type]
    arrivals = casting(mix).others(128)
    assert len(arrivals) == 32  # a fifth of 160
    assert {one.who.kind for one in arrivals} == {kind}
    assert len(people(arrivals)) == 4  # of 20
    assert set(Counter(id(one.who) for one in arrivals).values()) == {8}


def test_a_small_share_is_one_person_at_least() -> None:
    assert len(people(casting(Mix(flippers=0.05)).others(64))) == 1


def test_one_person_floods() -> None:
    arrivals = casting(Mix(flooder=1_000)).others(16)
    assert len(arrivals) == 1_000
    assert len(people(arrivals)) == 1


def test_sybils_are_fresh_raters_with_a_thumb_or_two_each() -> None:
    arrivals = casting(Mix(sybils=200)).others(16)
    assert len(people(arrivals)) == 200
    assert set(Counter(id(one.who) for one in arrivals).values()) == {1, 2}


def test_kinds_are_interleaved_evenly() -> None:
    arrivals = casting(Mix(flippers=0.2, flooder=50, sybils=20)).others(100)
    assert [one.when for one in arrivals] == sorted(one.when for one in arrivals)
    first = Counter(one.who.kind for one in arrivals if one.when < 0.5)
    every = Counter(one.who.kind for one in arrivals)
    for kind, number in every.items():
        assert first[kind] == pytest.approx(number / 2, abs=1)


def test_each_question_has_a_name_of_its_own() -> None:
    arrivals = casting(Mix(silent=0.2, flippers=0.2, flooder=50, sybils=20)).others(100)
    assert len({one.name for one in arrivals}) == len(arrivals)


def test_the_same_seed_makes_the_same_people() -> None:
    mix = Mix(silent=0.2, sybils=20, disagreement=0.3)

    def drawn(seed: int) -> tuple[list[object], list[object]]:
        cast = casting(mix, seed)
        tempers: list[object] = [vars(one)["temper"] for one in cast.honest(64)]
        return tempers, [(one.when, one.name) for one in cast.others(64)]

    assert drawn(1) == drawn(1)
    assert drawn(1)[0] != drawn(2)[0]
    assert len(set(drawn(1)[0])) == 8
