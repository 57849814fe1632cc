from typing import Any

import pytest

from hitl_chat.explainer import Look
from hitl_chat.raters import differing


def held(auc: float | None, half: float = 0.1) -> dict[str, Any]:
    if auc is None:
        return {"auc": None, "low": None, "high": None}
    return {"auc": auc, "low": auc - half, "high": auc + half}


def told(shared: dict[str, Any], own: dict[str, Any], **apart: float) -> Look:
    return Look("done", {"ratings": 24, "others": 60, "shared": shared, "own": own, "apart": apart})


@pytest.mark.parametrize(
    ("shared", "own", "verdict"),
    [
        (held(0.8), held(0.82), "They like what the others like."),
        (held(0.6), held(0.9), "They have a taste of their own beside what all share."),
        (held(0.2), held(0.7), "They like what the others dislike: another taste, or harm."),
        (held(0.55), held(0.58), "Neither is surely better than chance"),
        (held(None), held(None), "Neither tells anything until they have both liked"),
    ],
)
def test_what_the_figures_come_to_is_said_in_a_sentence(
    shared: dict[str, Any], own: dict[str, Any], verdict: str
) -> None:
    assert verdict in differing(told(shared, own))


def test_the_figures_are_told_with_their_intervals_and_what_sets_them_apart() -> None:
    shown = differing(told(held(0.6), held(0.9), question=0.41, digit=-0.3))
    assert "AUC 0.60 (0.50 to 0.70, chance is 0.5)" in shown
    assert "AUC 0.90 (0.80 to 1.00, chance is 0.5)" in shown
    assert "What sets them apart most: question +0.41, digit -0.30." in shown
    assert "sets them apart" not in differing(told(held(0.8), held(0.8)))


def test_while_it_is_worked_out_and_where_it_can_t_be_that_is_said() -> None:
    assert "in a process of its own: 7 s" in differing(Look("working", seconds=7))
    assert "No reward head yet" in differing(Look("no_head"))
    problem = differing(Look("failed", detail="This rater said <2> things; 12 are needed."))
    assert "This rater said &lt;2&gt; things; 12 are needed." in problem
