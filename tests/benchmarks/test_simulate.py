import json
import os
from pathlib import Path

import pytest

from benchmarks.simulate import main

RATER = ("--rater", "benchmarks/tastes.py:friendly")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--ratings", "0"], "--ratings is 0; use 1 to 100000"),
        (["--train-every", "0"], "--train-every is 0; use 1 to 100000"),
        (["--unseen", "0"], "--unseen is 0; use 1 to 200"),
        (["--samples", "101"], "--samples is 101; use 1 to 100"),
        (["--best-of", "65"], "--best-of is 65; use 1 to 64"),
        (["--noise", "2"], "--noise is 2.0; use 0 to 1.0"),
        (["--flippers", "0.5", "--silent", "0.5"], "leave 0% of the people; leave 10% or more"),
    ],
)
def test_a_simulation_that_cannot_be_is_named(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*RATER, *argv], {})
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_rater_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rater", "nowhere.py:taste"], {}) == 2
    assert "Use FILE.py:FUNCTION" in capsys.readouterr().err


def test_every_kind_of_people_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"], {})
    told = capsys.readouterr().out
    for flag in ("--noise", "--disagreement", "--position-bias", "--length-bias", "--compare"):
        assert flag in told
    for flag in ("--silent", "--flippers", "--length-lovers", "--flooder", "--sybils"):
        assert flag in told


def test_lines_say_what_came_of_each_cycle_and_of_all(
    tiny_model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    env = {
        **os.environ,
        "HITL_DATA_DIR": str(tmp_path),
        "HITL_MODEL": str(tiny_model),
        "HITL_ENGINE": "llamacpp",
        "HITL_MAX_NEW_TOKENS": "4",
        "HITL_MIN_LABELS": "1000",  # too few: the cycle says so and trains nothing
    }
    crowd = ("--compare", "0.3", "--silent", "0.2", "--sybils", "3", "--noise", "0.1")
    sizes = ("--ratings", "6", "--train-every", "3", "--unseen", "2", "--samples", "2")
    assert main([*RATER, *sizes, *crowd], env) == 0
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    last = lines[-1]
    assert [line["due"] for line in lines if "win_rate" in line] == [3, 6]
    assert {"before", "after", "win_rate", "seconds", "verdict"} <= set(last)
    assert last["exams"] == []
    assert (last["ratings"], last["version"], last["status"]) == (6, "base", "skipped")
    assert last["given"]["honest"] == 6
    assert 3 <= last["given"]["sybils"] <= 6
    assert last["given"]["silent"] >= 1
