from pathlib import Path

import pytest

from training.named import Unusable, ask, load


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "mine.py"
    file.write_text(
        "def short(question, answer):\n    return 1.0 / (1 + len(answer))\n\ntaste = 3\n"
    )
    return file


def test_a_function_comes_from_a_file(file: Path) -> None:
    assert load(f"{file}:short")("q", "abc") == 0.25


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("nowhere.py:short", r"No file 'nowhere\.py' .* Use FILE\.py:FUNCTION"),
        ("short", r"No file '' in 'short'\. Use FILE\.py:FUNCTION"),
        ("{file}:long", "has no function 'long'"),
        ("{file}:taste", "has no function 'taste'"),
    ],
)
def test_a_function_that_isn_t_there_is_named(file: Path, where: str, said: str) -> None:
    with pytest.raises(Unusable, match=said):
        load(where.format(file=file))


@pytest.mark.parametrize("score", [1.5, -0.1, float("nan"), "good", None])
def test_what_is_no_number_from_0_to_1_is_named(score: object) -> None:
    with pytest.raises(Unusable, match="Return a number from 0 to 1"):
        ask(lambda question, answer: score, "q", "a")  # type: ignore[arg-type, return-value]
