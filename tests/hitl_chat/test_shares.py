import pytest

from hitl_chat.shares import Share
from training.calibration import Z


@pytest.mark.parametrize(("part", "whole"), [(0, 5), (5, 5), (3, 10), (700, 1_000)])
def test_the_ends_are_the_shares_that_this_many_would_just_not_contradict(
    part: int, whole: int
) -> None:
    for end in Share(part, whole).interval:
        deviation = (end * (1 - end) / whole) ** 0.5
        assert abs(part / whole - end) == pytest.approx(Z * deviation, abs=1e-9)


def test_of_nothing_anything_may_be_true() -> None:
    assert Share(0, 0).value is None
    assert Share(0, 0).interval == (0.0, 1.0)
    assert str(Share(0, 0)) == "not rated yet"


def test_a_share_is_told_with_its_interval() -> None:
    assert str(Share(9, 12)) == "75% (51% to 90%) of 12"
