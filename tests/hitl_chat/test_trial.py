import random
import time
from collections.abc import Sequence
from itertools import pairwise

import pytest

from hitl_chat import trial
from hitl_chat.trial import BETTER, NO_WORSE, WORSE, Standing, Tally, odds_less, odds_more
from storage.adapters import Trial
from storage.feedback import Opinion
from storage.models import now

RUNS = 300
FEW_RUNS = 50
PEOPLE = 12


def standing(mine: Sequence[Opinion], theirs: Sequence[Opinion]) -> Standing:
    return trial.standing(Trial("v2", "v1", now()), mine, theirs)


def ratings(draw: random.Random, rate: float, number: int) -> list[Opinion]:
    """What people say who like this share; everybody says as much."""
    return [(f"person {place % PEOPLE}", draw.random() < rate) for place in range(number)]


def decided(mine: Sequence[Opinion], theirs: Sequence[Opinion]) -> tuple[str | None, int]:
    """Look after each rating, as the watch does; returns what was decided, and after how many."""
    for number in range(1, len(mine) + 1):
        outcome = standing(mine[:number], theirs).outcome
        if outcome:
            return outcome, number
    return None, len(mine)


def by_integral(mine: Tally, theirs: Tally, steps: int = 400) -> float:
    """The same odds, written out as sums over a grid of like-rates."""
    rates = [(step + 0.5) / steps for step in range(steps)]

    def chance(tally: Tally, rate: float) -> float:
        return float(rate**tally.liked * (1 - rate) ** tally.disliked)

    apart = alike = below = 0.0
    for rate in rates:
        lower = below + chance(mine, rate) / 2  # half of it lies below its own cell's middle
        apart += 2 * lower * chance(theirs, rate) / steps**2
        below += chance(mine, rate)
        alike += chance(mine, rate) * chance(theirs, rate) / steps
    return apart / alike


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (Tally(3, 14), Tally(15, 21)),
        (Tally(0, 6), Tally(5, 5)),
        (Tally(12, 20), Tally(15, 21)),
        (Tally(1, 1), Tally(0, 3)),
        (Tally(30, 60), Tally(80, 120)),
    ],
)
def test_the_odds_are_what_a_written_out_loop_gives(mine: Tally, theirs: Tally) -> None:
    assert odds_less(mine, theirs) == pytest.approx(by_integral(mine, theirs), rel=0.01)
    turned = by_integral(mine.turned(), theirs.turned())
    assert odds_more(mine, theirs) == pytest.approx(turned, rel=0.01)


@pytest.mark.parametrize("mine", [Tally(0, 7), Tally(2, 9), Tally(5, 5), Tally(20, 60)])
def test_the_odds_against_one_half_are_what_a_written_out_loop_gives(mine: Tally) -> None:
    steps = 4_000
    rates = [(step + 0.5) / steps / 2 for step in range(steps)]
    below = sum(rate**mine.liked * (1 - rate) ** mine.disliked for rate in rates) / steps
    assert odds_less(mine, Tally(0, 0)) == pytest.approx(below * 2**mine.rated, rel=0.01)


def test_every_dislike_makes_it_likelier_that_a_version_is_liked_less() -> None:
    odds = [odds_less(Tally(2, 2 + more), Tally(15, 20)) for more in range(12)]
    assert all(later > earlier for earlier, later in pairwise(odds))
    assert odds[0] < 1 < odds[-1]


def test_odds_stay_finite_whatever_was_said() -> None:
    assert odds_less(Tally(0, 900), Tally(900, 900)) == pytest.approx(1e6)
    assert odds_less(Tally(0, 900), Tally(0, 0)) == pytest.approx(1e6)
    assert odds_less(Tally(900, 900), Tally(0, 900)) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("before", [16, 40])
def test_looking_after_each_rating_finds_at_most_one_in_twenty_worse_that_is_liked_alike(
    rate: float, before: int
) -> None:
    draw = random.Random(7)
    alarms = 0
    for _ in range(RUNS):
        theirs, mine = Tally.of(ratings(draw, rate, before)), ratings(draw, rate, trial.ENOUGH)
        looks = (Tally.of(mine[:number]) for number in range(1, len(mine) + 1))
        alarms += any(odds_less(look, theirs) >= trial.SURE for look in looks)
    assert alarms <= 0.05 * RUNS


def test_a_version_that_is_clearly_liked_less_is_found_out_soon() -> None:
    draw = random.Random(7)
    ends = [decided(ratings(draw, 0.3, 40), ratings(draw, 0.8, 32)) for _ in range(FEW_RUNS)]
    assert [outcome for outcome, _ in ends].count(WORSE) >= 0.9 * FEW_RUNS
    assert sorted(number for _, number in ends)[FEW_RUNS // 2] <= 12


def test_a_version_that_is_clearly_liked_more_is_kept() -> None:
    draw = random.Random(7)
    ends = [standing(ratings(draw, 0.8, 40), ratings(draw, 0.3, 32)) for _ in range(FEW_RUNS)]
    assert [end.outcome for end in ends].count(BETTER) >= 0.8 * FEW_RUNS


def test_without_a_sure_sign_a_trial_ends_after_enough_ratings() -> None:
    theirs = ratings(random.Random(7), 0.75, 40)
    mine = [(f"person {place % PEOPLE}", place % 4 > 0) for place in range(trial.ENOUGH)]
    assert decided(mine[:-1], theirs)[0] is None
    assert decided(mine, theirs) == (NO_WORSE, trial.ENOUGH)


def test_a_few_ratings_decide_nothing() -> None:
    hated = [(f"person {place}", False) for place in range(20)]
    assert decided(hated, [(f"person {place}", True) for place in range(20)]) == (WORSE, 5)


def test_a_version_whose_forerunner_nobody_rated_is_measured_by_half() -> None:
    hated = [(f"person {place}", False) for place in range(20)]
    assert decided(hated, []) == (WORSE, 8)
    assert "against half expected of v1, which nobody rated" in standing(hated[:8], []).sentence


@pytest.mark.parametrize("share", [0.05, 0.3, 1.0])
def test_a_share_of_the_conversations_takes_part(share: float) -> None:
    part = sum(trial.takes_part(f"conversation {place}", share) for place in range(2_000))
    assert part == pytest.approx(2_000 * share, abs=60)


# Flooders


def test_one_person_alone_takes_nothing_back_from_others() -> None:
    theirs = ratings(random.Random(7), 0.8, 40)
    flood = [("flooder", False)] * 200
    assert standing(flood, theirs).outcome is None
    assert standing(flood, [*theirs, *[("flooder", True)] * 200]).outcome is None


def test_a_flooder_among_others_takes_back_at_most_one_in_twenty_that_is_liked_alike() -> None:
    draw = random.Random(7)
    flood = [("flooder", False)] * 200
    ends = [
        standing([*flood, *ratings(draw, 0.75, number)], ratings(draw, 0.75, 40)).outcome
        for number in range(1, 60)
        for _ in range(3)
    ]
    assert ends.count(WORSE) <= 0.05 * len(ends)


def test_a_flooder_does_not_keep_a_bad_version() -> None:
    draw = random.Random(7)
    flood = [("flooder", True)] * 200
    ends = [
        standing([*flood, *ratings(draw, 0.2, 48)], ratings(draw, 0.8, 40)).outcome
        for _ in range(FEW_RUNS)
    ]
    assert ends.count(WORSE) >= 0.9 * FEW_RUNS
    assert ends.count(BETTER) == 0


def test_of_one_person_among_others_ten_ratings_count() -> None:
    flooded = standing([("flooder", False)] * 200, ratings(random.Random(7), 0.8, 40))
    assert flooded.mine == Tally(0, 10)


def test_who_is_alone_decides_alone() -> None:
    mine, theirs = [("me", False)] * 12, [("me", place % 4 > 0) for place in range(24)]
    assert standing(mine, theirs).outcome == WORSE
    assert standing(mine, theirs).theirs == Tally(18, 24)


@pytest.mark.parametrize("people", [2, 5, 300])
def test_the_odds_hold_without_each_person_as_a_written_out_loop_leaves_them_out(
    people: int,
) -> None:
    draw = random.Random(people)
    mine, theirs = (
        [(f"person {draw.randrange(people)}", draw.random() < rate) for _ in range(number)]
        for rate, number in ((0.4, 40), (0.7, 400))
    )
    sides = [
        [o for place, o in enumerate(side) if [r for r, _ in side[:place]].count(o[0]) < trial.MOST]
        for side in (mine, theirs)
    ]
    left = [
        [Tally.of([o for o in side if o[0] != one]) for side in sides]
        for one in {rater for rater, _ in (*mine, *theirs)}
    ]
    found = standing(mine, theirs)
    assert found.worse == min(odds_less(*tallies) for tallies in left)
    assert found.better == min(odds_more(*tallies) for tallies in left)


def test_a_look_at_what_thousands_said_is_short() -> None:
    draw = random.Random(7)
    said = [(f"person {draw.randrange(2_000)}", draw.random() < 0.7) for _ in range(20_000)]
    begun = time.process_time()
    standing(said[: trial.ENOUGH], said[trial.ENOUGH :])
    assert time.process_time() - begun < 1


# Sentences


def test_a_trial_reads_as_a_sentence() -> None:
    mine = [(f"person {place}", place < 12) for place in range(20)]
    theirs = [(f"person {place}", place < 15) for place in range(21)]
    one = standing(mine, theirs)
    assert one.sentence == "v2 on trial: 12 of 20 liked, against 15 of 21 for v1"
    plain = one.as_json()
    assert (plain["liked"], plain["rated"], plain["version"]) == (12, 20, "v2")
    assert plain["sentence"] == one.sentence


def test_a_verdict_reads_as_a_sentence() -> None:
    some = Trial("v2", "v1", now())
    mine, theirs = Tally(3, 14), Tally(15, 21)
    assert Standing(some, mine, theirs, worse=41.2, better=0.1).sentence == (
        "rolled back by itself from v2: 3 of 14 liked, against 15 of 21 for v1; "
        "41 to 1 that it is liked less (20 to 1 decides)"
    )
    assert Standing(some, mine, theirs, worse=0.1, better=41.2).sentence == (
        "v2 kept after its trial: 3 of 14 liked, against 15 of 21 for v1; "
        "41 to 1 that it is liked more (20 to 1 decides)"
    )
    assert Standing(some, Tally(40, 60), theirs, worse=1, better=1).sentence == (
        "v2 kept after its trial: 40 of 60 liked, against 15 of 21 for v1; "
        "no sure sign that it is liked less"
    )
