import math
import random

import pytest

from training.calibration import ENOUGH, Calibration, Foretold, calibrate, clustered_auc


def drawn(number: int, shift: float, *, each: int = 2, seed: int = 0) -> list[Foretold]:
    """Scores that are higher by `shift` deviations where an answer is liked."""
    chance = random.Random(seed)
    found = []
    for place in range(number):
        liked = chance.random() < 0.6
        score = round(chance.gauss(shift if liked else 0.0, 1.0), 1)  # some are ties
        found.append(Foretold(score, 1 / (1 + math.exp(-score)), liked, f"u{place // each}"))
    return found


def test_the_auc_and_its_deviation_are_what_a_loop_over_pairs_says() -> None:
    found = drawn(60, 1.0, each=3)
    good, bad = [f for f in found if f.liked], [f for f in found if not f.liked]

    def wins(one: Foretold, other: Foretold) -> float:
        return (one.score > other.score) + 0.5 * (one.score == other.score)

    auc = sum(wins(g, b) for g in good for b in bad) / len(good) / len(bad)
    pull = dict.fromkeys((f.unit for f in found), 0.0)
    for g in good:
        pull[g.unit] += (sum(wins(g, b) for b in bad) / len(bad) - auc) / len(good)
    for b in bad:
        pull[b.unit] += (sum(wins(g, b) for g in good) / len(good) - auc) / len(bad)
    variance = sum(p**2 for p in pull.values()) * 20 / 19
    assert clustered_auc(found) == pytest.approx((auc, math.sqrt(variance)))


def test_the_interval_holds_the_truth_about_nine_times_in_ten() -> None:
    truth = 0.5 * (1 + math.erf(0.5 / 2))  # of normal scores half a deviation apart, Phi(d/sqrt 2)
    found = [calibrate(drawn(120, 0.5, seed=seed)) for seed in range(200)]
    held = sum((c.low or 0) <= truth <= (c.high or 0) for c in found)
    assert 0.84 <= held / 200 <= 0.96


def test_one_person_with_many_thumbs_is_one_person() -> None:
    alone = drawn(60, 1.0, each=1)
    copied = [f for f in alone for _ in range(5)]
    assert clustered_auc(copied) == pytest.approx(clustered_auc(alone))
    apart = [Foretold(f.score, f.chance, f.liked, str(i)) for i, f in enumerate(copied)]
    assert clustered_auc(apart)[1] < 0.5 * clustered_auc(copied)[1]


def test_scores_that_tell_likes_apart_are_trusted() -> None:
    found = calibrate(drawn(200, 1.0))
    assert found.auc is not None
    assert found.auc > 0.7
    assert found.trusted


@pytest.mark.parametrize(
    "changed",
    [
        {"auc": 0.6},
        {"low": 0.5},
        {"likes": ENOUGH - 1},
        {"dislikes": ENOUGH - 1},
        {"units": ENOUGH - 1},
        {"auc": None, "low": None},
    ],
)
def test_each_bound_alone_withholds_trust(changed: dict[str, float | None]) -> None:
    enough = {"likes": 50, "dislikes": 50, "units": 50, "auc": 0.61, "low": 0.51, "high": 0.7}
    assert Calibration(**enough).trusted  # type: ignore[arg-type]
    assert not Calibration(**(enough | changed)).trusted  # type: ignore[arg-type]


def test_without_both_kinds_of_thumbs_there_is_no_auc() -> None:
    assert calibrate([]).as_json() == {
        "likes": 0, "dislikes": 0, "units": 0, "auc": None, "low": None, "high": None,
        "bins": [], "trusted": False,
    }  # fmt: skip
    likes = [Foretold(f.score, f.chance, True, f.unit) for f in drawn(60, 1.0)]
    assert calibrate(likes).auc is None


def test_the_bins_hold_every_rating_once_from_low_to_high() -> None:
    found = drawn(103, 1.0)
    bins = calibrate(found).bins
    assert len(bins) == 5
    assert sum(b.ratings for b in bins) == 103
    assert [b.foretold for b in bins] == sorted(b.foretold for b in bins)
    assert sum(b.ratings * b.liked for b in bins) == pytest.approx(sum(f.liked for f in found))
    assert len(calibrate(found[:23]).bins) == 2
