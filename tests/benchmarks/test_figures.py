import pytest

from benchmarks.figures import Figure, table


@pytest.mark.parametrize(
    ("value", "at_most", "verdict"),
    [
        (5.0, False, "met"),
        (4.9, False, "MISSED"),
        (5.0, True, "met"),
        (5.1, True, "MISSED"),
        (None, True, "unknown"),
    ],
)
def test_a_figure_is_held_to_its_bound(*, value: float | None, at_most: bool, verdict: str) -> None:
    assert Figure("f", value, 5, at_most=at_most).verdict == verdict


def test_the_table_puts_requirements_beside_figures() -> None:
    lines = table(
        [
            Figure("ours / plain", 6.04, 5),
            Figure("memory", 1234.4, 600, at_most=True, unit=" MB"),
            Figure("unknown", None, 1),
        ]
    ).splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["ours", "/", "plain", "6.04", "≥", "5", "met"],
        ["memory", "1234", "MB", "≤", "600", "MB", "MISSED"],
        ["unknown", "-", "≥", "1", "unknown"],
    ]
    assert lines[0].split() == ["figure", "measured", "required"]
