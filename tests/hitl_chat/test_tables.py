from typing import Any

from hitl_chat import tables
from storage.models import Adapter, Cycle, Serving, now

EVIL = "<script>alert(1)</script>"
STATUS: dict[str, Any] = {
    "version": EVIL,
    "feedback": {"total": 20, "waiting": 3},
    "next_training": {"after": 16, "missing": 13, "trainer": "on"},
    "problem": EVIL,
    "trial": {"sentence": EVIL},
}
IMPLICIT: dict[str, Any] = {
    "auc": 0.712, "low": 0.58, "high": 0.823, "likes": 23, "dislikes": 20, "trusted": True,
}  # fmt: skip


def cycle(**values: Any) -> Cycle:  # noqa: ANN401 - any column
    known = {"id": 1, "status": "refused", "phase": "done", "progress": 1.0, "detail": ""}
    return Cycle(**{**known, "mark": 0, "started_at": now(), **values})


def test_nothing_leaves_unescaped() -> None:
    evil = cycle(version=EVIL, error=EVIL, counts={EVIL: 1}, reward={"accuracy": EVIL})
    running = {"id": 1, "phase": EVIL, "progress": 0.5, "detail": EVIL}
    adapter = Adapter(version=EVIL, parent=EVIL, base=EVIL, created_at=now())
    pages = [
        tables.overview(STATUS),
        tables.running(running),
        tables.cycles([evil]),
        tables.rewards([evil]),
        tables.announcement({**STATUS, "running": running}),
        tables.versions([adapter], [Serving(version=EVIL, reason=EVIL, created_at=now())], EVIL),
    ]
    assert all("<script" not in page for page in pages)
    assert all("&lt;script&gt;" in page for page in pages)


def test_the_overview_tells_when_the_next_training_is_due() -> None:
    assert "after 13 more" in tables.overview(STATUS)
    due = {**STATUS, "next_training": {"after": 16, "missing": 0, "trainer": "off"}}
    assert "is due (trainer is off)" in tables.overview(due)


def test_the_overview_tells_how_the_trial_stands_or_why_a_version_serves() -> None:
    serving = {"reason": "promoted by cycle 1"}
    trial = {"sentence": "v2 on trial: 12 of 20 liked, against 15 of 21 for v1"}
    quiet = {**STATUS, "trial": None}
    assert trial["sentence"] in tables.overview({**STATUS, "trial": trial, "serving": serving})
    assert "promoted by cycle 1" in tables.overview({**quiet, "serving": serving})
    assert 'id="trial"' not in tables.overview({**quiet, "serving": None})


def test_a_cell_knows_its_column_for_where_rows_are_blocks() -> None:
    cell = '<td class="short" role="cell" data-column="Why">out of memory</td>'
    assert cell in tables.cycles([cycle(error="out of memory")])


def test_the_reasons_of_a_refusal_are_told() -> None:
    verdict = {"promoted": False, "reasons": ["too short", "repeats itself"]}
    assert tables.why(verdict, None) == "too short; repeats itself"
    assert tables.why(verdict, "out of memory") == "out of memory"
    assert tables.why({"win_rate": 0.61234}, None) == "win rate 0.612"
    assert tables.why(None, None) == ""


def test_a_running_cycle_shows_its_phase() -> None:
    shown = tables.running({"id": 3, "phase": "update", "progress": 0.25, "detail": "update 2"})
    assert '<li class="done">fit</li><li class="now">update</li><li class="">gate</li>' in shown
    assert "25%" in shown


def test_cycles_without_a_reward_head_are_left_out_of_its_table() -> None:
    assert "Nothing yet." in tables.rewards([cycle()])
    assert "<td" in tables.rewards([cycle(reward={"auc": 0.5})])


def test_a_head_tells_which_kinds_of_tokens_it_goes_by() -> None:
    told = cycle(reward={"auc": 0.5, "leading": {"addressing": 1.63, "formal": -0.2}})
    assert "+ addressing, − formal" in tables.rewards([told])


def test_the_owner_is_told_how_far_signals_can_be_trusted() -> None:
    assert "AUC 0.71 (0.58 to 0.82) against 43 ratings: used." in tables.trust(IMPLICIT)
    assert "against 43 ratings: not used yet." in tables.trust({**IMPLICIT, "trusted": False})


def test_signals_without_ratings_beside_them_are_told_of() -> None:
    assert "no training has seen any yet" in tables.trust({})
    alone = {**IMPLICIT, "auc": None, "low": None, "high": None, "likes": 2, "dislikes": 0}
    assert "2 ratings beside them say too little: not used yet." in tables.trust(alone)


def test_what_is_read_out_changes_with_the_phase_alone() -> None:
    quiet = {"version": "v2", "running": None}
    assert tables.announcement(quiet) == "Version v2 serves; no training runs."
    told = {
        tables.announcement({**quiet, "running": {"phase": "fit", "progress": share}})
        for share in (0.1, 0.9)
    }
    assert told == {"Version v2 serves; training is in phase fit."}
