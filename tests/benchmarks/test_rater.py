from pathlib import Path

import pytest

from benchmarks.rater import TasteError, judge, load_taste


@pytest.mark.parametrize("score", [1.5, -0.1, float("nan"), "good", None])
def test_a_rater_that_returns_no_share_is_named(score: object) -> None:
    with pytest.raises(TasteError, match="Return a number from 0 to 1"):
        judge(lambda prompt, response: score, "p", "r")  # type: ignore[arg-type, return-value]


def test_a_taste_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def short(prompt, response):\n    return 1.0 / (1 + len(response))\n")
    assert load_taste(f"{file}:short")("p", "abc") == 0.25
    with pytest.raises(TasteError, match="no function 'long'"):
        load_taste(f"{file}:long")
    with pytest.raises(TasteError, match=r"Use FILE\.py:FUNCTION"):
        load_taste("nowhere.py:short")
