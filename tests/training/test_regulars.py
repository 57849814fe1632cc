from dataclasses import replace

import pytest

from tests.training.labelled import Drawn, drawn, rated
from training import regulars
from training.config import TrainingConfig
from training.regulars import COMES_BACK, compare, opposed
from training.targets import IMPLICIT, Place, Rated, Targets

CONFIG = TrainingConfig()
FEATURES, LIKED = drawn(200)


def opinions(numbers: range, each: int, *, turned: bool = False) -> list[Rated]:
    """Let people say so many things each of some answers, as they are or the other way round."""
    return [
        rated(
            i, abs(float(LIKED[i]) - turned), Place(f"c{i}", f"q{i}", rater=f"r{i // each}/{each}")
        )
        for i in numbers
    ]


def told(found: list[Rated]) -> str | None:
    return opposed(compare(Drawn(FEATURES), Targets(found), CONFIG))


@pytest.mark.parametrize("many", [150, 16])
@pytest.mark.parametrize("each", [1, COMES_BACK - 1])
def test_many_names_that_say_little_and_the_opposite_are_told(many: int, each: int) -> None:
    regular = opinions(range(32), 4)
    reason = told([*regular, *opinions(range(40, 40 + many), each, turned=True)])
    assert reason is not None
    assert "HITL_MIN_OF_RATER=3" in reason
    assert told([*regular, *opinions(range(40, 40 + many), each)]) is None


def test_people_who_come_back_and_like_the_opposite_are_not_told_of() -> None:
    assert (
        told([*opinions(range(32), 4), *opinions(range(40, 190), COMES_BACK, turned=True)]) is None
    )


def test_where_the_others_are_too_few_to_matter_nothing_is_compared() -> None:
    passing = opinions(range(180, 200), 1, turned=True)
    assert compare(Drawn(FEATURES), Targets([*opinions(range(60), 4), *passing]), CONFIG)
    assert compare(Drawn(FEATURES), Targets([*opinions(range(120), 4), *passing]), CONFIG) is None


def test_all_that_was_said_weighs_however_little_of_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(regulars, "MOST", 20)
    passing = opinions(range(180, 200), 1, turned=True)
    assert compare(Drawn(FEATURES), Targets([*opinions(range(60), 4), *passing]), CONFIG)
    assert compare(Drawn(FEATURES), Targets([*opinions(range(120), 4), *passing]), CONFIG) is None


def test_too_few_opinions_tell_nothing_of_either() -> None:
    passing = opinions(range(40, 190), 1, turned=True)
    few = CONFIG.min_labels
    assert compare(Drawn(FEATURES), Targets([*opinions(range(few), 4), *passing]), CONFIG)
    assert (
        compare(Drawn(FEATURES), Targets([*opinions(range(few - 1), 4), *passing]), CONFIG) is None
    )


def test_what_nobody_spoke_out_makes_no_regular() -> None:
    quiet = [replace(one, source=IMPLICIT) for one in opinions(range(150), 4)]
    assert (
        compare(Drawn(FEATURES), Targets([*quiet, *opinions(range(150, 190), 1)]), CONFIG) is None
    )
