import re
from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from hitl_chat import plots
from hitl_chat.plots import Line, Marked
from hitl_chat.shares import Share

EVIL = '"><script>alert(1)</script>'
CURVES = [Line(EVIL, [(1, 0.5), (2, 0.7)]), Line("before", [(1, 0.4)], faint=True)]


def drawn(html: str) -> ElementTree.Element:
    """The picture as a browser would read it."""
    [svg] = re.findall(r"<svg viewBox.*?role=\"img\".*?</svg>", html)
    return ElementTree.fromstring(svg)  # noqa: S314 - our own


def places(html: str, tag: str, *names: str) -> list[list[float]]:
    return [[float(one.attrib[name]) for name in names] for one in drawn(html).iter(tag)]


DRAW: dict[str, Callable[[], str]] = {
    "lines": lambda: plots.lines(EVIL, EVIL, CURVES),
    "bars": lambda: plots.bars(EVIL, [EVIL, "b"], [(EVIL, [3, 0]), ("tomorrow", [1, 2])]),
    "shares": lambda: plots.shares(EVIL, [Marked(EVIL, Share(3, 4), 0.5)], EVIL),
    "reliability": lambda: plots.reliability(EVIL, [(0.2, Share(1, 4)), (0.8, Share(3, 4))]),
}


@pytest.mark.parametrize("draw", DRAW.values(), ids=DRAW)
def test_a_picture_is_well_formed_named_and_escaped_with_a_table_beside(
    draw: Callable[[], str],
) -> None:
    html = draw()
    assert "<script" not in html
    assert drawn(html).attrib["role"] == "img"
    assert drawn(html).attrib["aria-label"].startswith(EVIL)
    assert "<table " in html


@pytest.mark.parametrize("draw", DRAW.values(), ids=DRAW)
def test_nothing_is_drawn_outside_the_picture(draw: Callable[[], str]) -> None:
    picture = drawn(draw())
    _, _, width, height = map(float, picture.attrib["viewBox"].split())
    for one in picture.iter("circle"):
        assert 0 <= float(one.attrib["cx"]) <= width
        assert 0 <= float(one.attrib["cy"]) <= height
    for one in picture.iter("rect"):
        assert 0 <= float(one.attrib["x"]) <= width - float(one.attrib["width"])
        assert 0 <= float(one.attrib["y"]) <= height - float(one.attrib["height"])


def test_a_higher_value_stands_higher_and_a_later_one_further_right() -> None:
    (x, y), (later, higher) = places(plots.lines("t", "x", CURVES[:1]), "circle", "cx", "cy")
    assert later > x
    assert higher < y


def test_a_faint_curve_has_no_dots_and_no_column() -> None:
    html = plots.lines("t", "x", CURVES)
    assert len(places(html, "circle", "cx")) == 2
    assert "before" not in html


def test_bars_are_stacked_as_high_as_their_counts() -> None:
    html = plots.bars("t", ["a", "b"], [("mon", [4, 2]), ("tue", [2, 0])])
    (low, high), (second, over), (other, _) = places(html, "rect", "height", "y")
    assert low == pytest.approx(2 * second, abs=0.2)
    assert other == pytest.approx(second, abs=0.2)
    assert over + second == pytest.approx(high, abs=0.2)


def test_shares_lie_on_their_line_and_in_the_table() -> None:
    html = plots.shares("t", [Marked("v1", Share(1, 4)), Marked("v2", Share(0, 0))])
    assert places(html, "circle", "cx") == [[92.0]]  # a quarter of 352, after 4
    assert html.count("25% (") == 2
    assert "not rated yet" in html


@pytest.mark.parametrize("points", [[(7, 0.5)], [(7, 0.5), (8, 0.5)], [(7, 0.0)], [(1, -1e-9)]])
def test_one_point_and_a_flat_line_can_be_drawn(points: list[tuple[float, float]]) -> None:
    assert places(plots.lines("t", "x", [Line("a", points)]), "circle", "cx")


def test_of_nothing_no_picture_is_drawn() -> None:
    for html in (
        plots.lines("t", "x", [Line("a", [])]),
        plots.bars("t", [], []),
        plots.shares("t", []),
        plots.reliability("t", []),
    ):
        assert "<svg" not in html
        assert "Nothing yet." in html
