import os
from pathlib import Path

from benchmarks import update


def test_ratios_are_medians_over_rounds_of_one_side_to_the_other() -> None:
    found = {
        "ours": [{"seconds": 2.0, "peak_mb": 100.0}] * 3,
        "trl": [{"seconds": s, "peak_mb": 300.0} for s in (6.0, 10.0, 100.0)],
    }
    faster, lighter = update._figures(found)
    assert (faster.value, faster.verdict) == (5.0, "met")
    assert (lighter.value, lighter.verdict) == (3.0, "MISSED")


def test_our_side_says_how_long_an_update_took_and_what_it_held(
    tiny_model: Path, tmp_path: Path
) -> None:
    env = {**os.environ, "HITL_MODEL": str(tiny_model), "HITL_DATA_DIR": str(tmp_path)}
    found = update._measure(update.SIDES["ours"], env)
    assert found["seconds"] > 0
    assert found["peak_mb"] > 100


def test_a_release_that_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "trl").mkdir()
    assert update._fetched(tmp_path) == tmp_path
    assert [path.name for path in tmp_path.iterdir()] == ["trl"]
