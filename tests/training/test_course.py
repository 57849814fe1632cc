from collections.abc import Iterable

import pytest
import torch

from tests.training.marks import OUT, at
from training.course import DEARER, Course, Exam
from training.policy import Policy

SERVED = at(0.1)


def course(
    policy: Policy, marks: Iterable[Exam], patience: int = 100, served: Exam = SERVED
) -> Course:
    return Course(policy, iter(marks).__next__, patience, served)


def moved(policy: Policy) -> list[torch.Tensor]:
    """Move the policy on and return where it is then."""
    policy.restore([weight + 1 for weight in policy.snapshot()])
    return policy.snapshot()


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.allclose(a, b) for a, b in zip(one, other, strict=True))


def test_a_run_four_times_too_long_ends_where_the_short_one_did(policy: Policy) -> None:
    marks = [at(0.4), at(0.3), at(0.2), at(0.15), OUT, OUT, OUT]  # collapse, and nobody stops it
    run = course(policy, marks)
    assert run.look() is None
    best = policy.snapshot()
    for _ in marks[1:-2]:
        moved(policy)
        assert run.look() is None
    assert run.take_best()
    assert same(policy.snapshot(), best)


def test_the_next_best_is_at_hand_where_the_best_is_refused(policy: Policy) -> None:
    run = course(policy, [at(0.2), at(0.5), OUT, at(0.3), SERVED])
    seen = []
    for _ in range(5):
        seen.append(moved(policy))
        run.exam()
    for place in (1, 3, 0):
        assert run.take_best()
        assert same(policy.snapshot(), seen[place])
    assert not run.take_best()
    assert same(policy.snapshot(), seen[0])


def test_two_looks_that_find_nothing_better_end_a_run(policy: Policy) -> None:
    run = course(policy, [at(0.3), at(0.2), OUT, OUT, OUT], patience=2)
    assert run.look() is None
    assert run.look() is None
    assert "no more after 0.300" in str(run.look())


def test_what_is_no_better_than_what_serves_is_not_kept(policy: Policy) -> None:
    run = course(policy, [SERVED], patience=1)
    assert run.look() is None
    assert run.passed
    assert not run.leading
    last = moved(policy)
    assert not run.take_best()  # nothing to go back to: the gate will refuse
    assert same(policy.snapshot(), last)


@pytest.mark.parametrize(
    ("found", "served", "promising"),
    [
        (at(0.2), SERVED, True),
        (at(0.05), SERVED, False),
        (at(0.05), OUT, True),  # what serves has used up its room
        (OUT, OUT, False),
    ],
)
def test_a_better_beginning_scores_more_or_has_more_room(
    policy: Policy, found: Exam, served: Exam, *, promising: bool
) -> None:
    run = course(policy, [found], served=served)
    run.exam()
    assert run.promising == promising


def between(
    out: list[torch.Tensor], within: list[torch.Tensor], share: float
) -> list[torch.Tensor]:
    return [(1 - share) * a + share * b for a, b in zip(out, within, strict=True)]


@pytest.mark.parametrize(
    ("marks", "share"), [([OUT, at(0.3)], 0.5), ([OUT, OUT, at(0.3)], 0.75), ([OUT, OUT, OUT], 1.0)]
)
def test_what_is_out_of_bounds_is_drawn_back_to_what_was_within(
    policy: Policy, marks: list[Exam], share: float
) -> None:
    run = course(policy, [at(0.2), *marks])
    assert run.look() is None
    within = policy.snapshot()
    out = moved(policy)
    assert run.look() is None
    assert same(policy.snapshot(), between(out, within, share))
    assert run.dearness == pytest.approx(DEARER ** marks.count(OUT))
    assert run.leading == (share < 1)


def test_where_nothing_better_is_known_the_gate_gets_what_is_out_of_bounds(policy: Policy) -> None:
    served = policy.snapshot()
    run = course(policy, [OUT, OUT, OUT])
    out = moved(policy)
    run.look()
    assert same(policy.snapshot(), between(out, served, 0.75))
    assert not run.take_best()
