import json
import math
import statistics
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.learning import Point, Result, interval, plot, result_of, table

LINES = [
    {"step": "before", "score": 0.2, "seconds": 9.0},
    {"step": "rating", "ratings": 32, "seconds": 40.0},
    {"step": "trained", "seconds": 240.5, "status": "promoted"},
    {
        "before": 0.2, "after": 0.5, "win_rate": 0.9, "status": "promoted",
        "verdict": {"figures": {"surprise_ratio": 1.02, "distinct2_ratio": 0.97, "kl": 0.1}},
        "best_of": {"score": 0.3, "win_rate": 0.7},
    },
]  # fmt: skip


def made(win_rate: float, ratings: int = 32, update: str = "ppo", seed: int = 0) -> Result:
    return Result(
        Point("warm", ratings, seed, update), 0.2, 0.4, win_rate, True, 1.0, 1.0, 0.1, 200.0
    )  # fmt: skip


def test_a_run_is_read_from_the_lines_of_simulate() -> None:
    found = result_of(Point("warm", 32, 0, "ppo"), LINES)
    assert found.seconds == 200.5
    assert (found.win_rate, found.promoted, found.surprise) == (0.9, True, 1.02)
    assert found.best_of == 0.7


def test_a_cycle_that_was_skipped_has_no_figures() -> None:
    last = {**LINES[-1], "verdict": None, "status": "skipped", "best_of": None}
    found = result_of(Point("warm", 32, 0, "dpo"), [*LINES[:-1], last])
    assert not found.promoted
    assert found.kl is None
    assert found.best_of is None


def test_results_survive_the_file() -> None:
    result = made(0.7)
    assert Result.read(json.dumps(asdict(result))) == result


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


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    plot([made(0.6), made(0.8, 128), made(0.7, update="kto")], tmp_path / "curve.svg")
    assert "<svg" in (tmp_path / "curve.svg").read_text()
