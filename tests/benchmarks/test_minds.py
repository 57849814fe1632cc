import random
from statistics import mean, pstdev

import pytest

from benchmarks.minds import Mind, Temper
from training.named import Unusable


def per_hundred(prompt: str, response: str) -> float:
    return len(response) / 100


def even(prompt: str, response: str) -> float:
    return 0.5


def test_what_was_seen_is_expected() -> None:
    mind = Mind(per_hundred)
    assert mind.better("p", "a" * 60) == [pytest.approx(0.1)]  # nothing seen: half way is expected
    assert mind.better("p", "a" * 50) == [pytest.approx(-0.1)]
    assert mind.better("p", "a" * 70) == [pytest.approx(0.15)]


def test_drafts_side_by_side_are_held_to_the_same() -> None:
    mind = Mind(per_hundred)
    assert mind.better("p", "a" * 60, "a" * 40) == [pytest.approx(0.1), pytest.approx(-0.1)]
    assert len(mind.seen) == 2


def test_length_bias_is_added_for_each_doubling() -> None:
    one, three, seven = Mind(even, length_bias=0.1).better("p", "a", "a b c", "a b c d e f g")
    assert three - one == pytest.approx(0.1)
    assert seven - three == pytest.approx(0.1)


def test_a_taste_that_gives_no_share_is_told() -> None:
    with pytest.raises(Unusable):
        Mind(lambda prompt, response: 2.0).better("p", "r")


def test_who_does_not_stray_feels_what_the_mind_does() -> None:
    chance = random.Random(0)
    for temper in (Temper(), Temper.drawn(chance, 0.0)):
        assert [temper.feels(better, chance) for better in (-0.2, 0.0, 1e-9)] == [-0.2, 0.0, 1e-9]


def test_people_stray_as_far_as_they_disagree() -> None:
    chance = random.Random(0)
    tempers = [Temper.drawn(chance, 0.2) for _ in range(2_000)]
    demands = [temper.demand for temper in tempers]
    assert mean(demands) == pytest.approx(0.0, abs=0.02)
    assert pstdev(demands) == pytest.approx(0.2, abs=0.02)
    assert pstdev([temper.weight for temper in tempers]) == pytest.approx(0.2, abs=0.02)
    felt = [tempers[0].feels(0.3, chance) for _ in range(2_000)]
    assert pstdev(felt) == pytest.approx(0.2, abs=0.02)


def test_nobody_dislikes_what_others_like_by_weight_alone() -> None:
    chance = random.Random(0)
    assert all(Temper.drawn(chance, 10.0).weight >= 0 for _ in range(200))
