import torch

from tests.training.marks import OUT, at
from training.course import DEARER, Course
from training.policy import Policy

SERVED = 0.1


def test_a_run_four_times_too_long_ends_where_the_short_one_did(policy: Policy) -> None:
    course = Course(policy, patience=100, served=SERVED)
    assert course.exam(at(0.4)) is None
    best = policy.snapshot()
    for mark in (0.3, 0.2, 0.1, 0.0):  # collapse, and nobody stops it
        policy.restore([weight + 1 for weight in policy.snapshot()])
        assert course.exam(at(mark)) is None
    assert course.exam(OUT) is None
    course.finish()
    assert all(torch.equal(a, b) for a, b in zip(policy.snapshot(), best, strict=True))


def test_answers_out_of_bounds_make_it_dearer_to_leave_the_base(policy: Policy) -> None:
    course = Course(policy, patience=2, served=SERVED)
    assert [course.exam(OUT), course.dearness] == [None, DEARER]
    assert [course.exam(at(0.3)), course.dearness] == [None, DEARER]
    assert [course.exam(OUT), course.dearness] == [None, DEARER**2]
    assert "no more after 0.300" in str(course.exam(OUT))


def test_what_is_no_better_than_what_serves_is_not_kept(policy: Policy) -> None:
    course = Course(policy, patience=1, served=SERVED)
    assert course.exam(at(SERVED)) is None
    assert course.passed
    assert not course.leading
    policy.restore([weight + 1 for weight in policy.snapshot()])
    last = policy.snapshot()
    course.finish()  # nothing to go back to: the gate will refuse
    assert all(torch.equal(a, b) for a, b in zip(policy.snapshot(), last, strict=True))
