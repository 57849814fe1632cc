import json
import math
import statistics
from contextlib import redirect_stdout
from dataclasses import asdict, replace
from io import StringIO
from pathlib import Path

import pytest

from benchmarks.learning import Point, Result, interval, main, plot, results_of, settings, table
from benchmarks.running import ROOT

FIGURES = {"surprise_ratio": 1.02, "distinct2_ratio": 0.97, "kl": 0.1}
LINES = [
    {"step": "before", "score": 0.2, "seconds": 9.0},
    {"step": "rating", "ratings": 35, "seconds": 40.0},
    {"step": "trained", "seconds": 240.5, "status": "promoted"},
    {
        "step": "learnt", "due": 32, "ratings": 35, "took": 200.5,
        "before": 0.2, "after": 0.5, "win_rate": 0.9, "status": "promoted",
        "verdict": {"figures": FIGURES}, "exams": [{"score": 0.4, "missed": []}],
    },
    {"step": "rating", "ratings": 64, "seconds": 300.0},
    {
        "due": 64, "ratings": 64, "took": 100.0,
        "before": 0.2, "after": 0.4, "win_rate": 0.8, "status": "skipped",
        "verdict": None, "best_of": {"score": 0.3, "win_rate": 0.7},
    },
]  # fmt: skip
PRINTED = [json.dumps(line) for line in LINES]


def made(win_rate: float, ratings: int = 32, update: str = "ppo", seed: int = 0) -> Result:
    return Result(
        Point("warm", ratings, seed, update), 0.2, 0.4, win_rate, True, 1.0, 1.0, 0.1, 200.0
    )  # fmt: skip


def test_a_run_has_a_result_for_each_of_its_cycles() -> None:
    first, last = results_of(Point("warm", 64, 0, "ppo", every=32), PRINTED)
    assert first.point == Point("warm", 32, 0, "ppo")  # as if none followed
    assert (first.win_rate, first.promoted, first.seconds) == (0.9, True, 200.5)
    assert first.surprise == 1.02
    assert first.exams == [{"score": 0.4, "missed": []}]
    assert last.point == Point("warm", 64, 0, "ppo", every=32)
    assert last.best_of == 0.7


def test_a_run_that_breaks_off_has_told_the_cycles_before() -> None:
    results = results_of(Point("warm", 64, 0, "ppo", every=32), [*PRINTED[:4], "Traceback"])
    assert next(results).win_rate == 0.9
    with pytest.raises(json.JSONDecodeError):
        next(results)


def test_a_cycle_that_was_skipped_has_no_figures() -> None:
    _, last = results_of(Point("warm", 64, 0, "dpo", every=32), PRINTED)
    assert not last.promoted
    assert last.kl is None


def test_runs_that_train_on_the_way_need_ratings_to_train_at(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["--train-every", "32", "--ratings", "48,64"], {})
    assert "--ratings must be multiples of --train-every" in capsys.readouterr().err


def test_results_survive_the_file() -> None:
    result = made(0.7)
    assert Result.read(json.dumps(asdict(result))) == result


def test_only_what_was_run_as_it_is_asked_for_is_taken_from_the_file(tmp_path: Path) -> None:
    env = {"HITL_UPDATES": "2", "HITL_ADMIN_PASSWORD": "secret", "HITL_DATA_DIR": "/elsewhere"}
    assert settings(env) == "HITL_UPDATES=2"
    plain, flippers = made(0.7), replace(made(0.4), point=Point("warm", 32, 0, "ppo", mix="-f"))
    out = tmp_path / "learning.jsonl"
    out.write_text("".join(json.dumps(asdict(one)) + "\n" for one in (plain, flippers)))
    wanted = ["--tastes", "warm", "--ratings", "32", "--seeds", "0", "--updates", "ppo"]
    for mix, share in (("", "70%"), ("-f", "40%")):
        with redirect_stdout(StringIO()) as told:
            assert main([*wanted, f"--mix={mix}", "--out", str(out)], {}) == 0
        assert share in told.getvalue()


def test_what_is_kept_is_shown_without_any_run(tmp_path: Path) -> None:
    out = tmp_path / "learning.jsonl"
    first = replace(made(0.7), point=Point("warm", 32, 0, "ppo", every=32))
    kept = (first, made(0.9, 128, seed=1), made(0.4, update="kto"))
    out.write_text("".join(json.dumps(asdict(one)) + "\n" for one in kept))
    with redirect_stdout(StringIO()) as told:
        assert main(["--kept", "--updates", "ppo", "--out", str(out)], {}) == 0
    rows = [line.split("|")[2:5] for line in told.getvalue().splitlines()[2:]]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["32", "1", "70%"],
        ["128", "1", "90%"],
    ]


def test_the_readme_has_the_table_of_what_is_kept() -> None:
    out = str(ROOT / "docs" / "learning.jsonl")
    with redirect_stdout(StringIO()) as told:
        main(["--kept", "--updates", "ppo", "--out", out], {})
    assert told.getvalue() in (ROOT / "README.md").read_text(encoding="utf-8")


def test_an_interval_is_student_s() -> None:
    mean, half = interval([0.6, 0.7, 0.9])
    assert mean == pytest.approx(0.7333, abs=1e-4)
    assert half == pytest.approx(2.920 * statistics.stdev([0.6, 0.7, 0.9]) / math.sqrt(3))
    assert interval([0.6]) == (0.6, 0.0)


def test_the_table_has_a_row_for_each_update_and_number_ppo_first() -> None:
    text = table([made(0.6, update="kto"), made(0.8), made(0.9, seed=1), made(0.95, 128)])
    rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in text.splitlines()[2:]]
    assert rows == [["ppo", "32", "2"], ["ppo", "128", "1"], ["kto", "32", "1"]]
    assert "85% ± 32" in text


def test_curves_of_one_cycle_and_of_many_stand_apart() -> None:
    often = replace(made(0.9), point=Point("warm", 32, 0, "ppo", every=16))
    rows = [line.split("|")[1].strip() for line in table([often, made(0.6)]).splitlines()[2:]]
    assert rows == ["ppo", "ppo, every 16"]


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    plot([made(0.6), made(0.8, 128), made(0.7, update="kto")], tmp_path / "curve.svg")
    assert "<svg" in (tmp_path / "curve.svg").read_text()
