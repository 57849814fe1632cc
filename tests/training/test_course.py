import torch

from training.course import DEARER, Course
from training.policy import Policy


def test_a_run_four_times_too_long_ends_where_the_short_one_did(policy: Policy) -> None:
    course = Course(policy, patience=100)
    assert course.exam(0.4) is None
    best = policy.snapshot()
    for mark in (0.3, 0.2, 0.1, 0.0):  # collapse, and nobody stops it
        policy.restore([weight + 1 for weight in policy.snapshot()])
        assert course.exam(mark) is None
    assert course.exam(None) is None
    course.finish()
    assert all(torch.equal(a, b) for a, b in zip(policy.snapshot(), best, strict=True))


def test_answers_out_of_bounds_make_it_dearer_to_leave_the_base(policy: Policy) -> None:
    course = Course(policy, patience=2)
    assert [course.exam(None), course.dearness] == [None, DEARER]
    assert [course.exam(0.3), course.dearness] == [None, DEARER]
    assert [course.exam(None), course.dearness] == [None, DEARER**2]
    assert "no more after 0.300" in str(course.exam(None))
