"""Pictures of figures as SVG, made here: no script draws them, and a table says the same beside each.

Colours come from the style sheet, so that they fit the dark. Everything that comes from rows is
escaped. All are drawn 360 wide, which is about their size on the screen. Knows no row.
"""

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hitl_chat import tables
from hitl_chat.shares import Share

WIDTH, HEIGHT = 360, 200
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 10, 24
"""Room for the figures at the axes."""
STRIP = 38
"""Height of one share with its interval."""
MOST_NAME = 30
MOST_DOTS = 20
"""Points of one curve above which they are not marked."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """A curve. A faint one stands behind the others, for comparison, and isn't in the table."""

    name: str
    points: Sequence[Point]
    faint: bool = False


@dataclass(frozen=True)
class Marked:
    """A share under its name; `beside` is another one to hold it against."""

    name: str
    share: Share
    beside: float | None = None


def lines(title: str, axis: str, curves: Sequence[Line]) -> str:
    """Draw curves over whole numbers such as cycles or updates."""
    points = [point for curve in curves for point in curve.points]
    if not points:
        return _nothing(title)
    frame = _Frame.around(points)
    shown = [curve for curve in curves if not curve.faint]
    drawn = "".join(_curve(frame, curve, "faint") for curve in curves if curve.faint)
    drawn += "".join(_curve(frame, curve, f"c{place}") for place, curve in enumerate(shown))
    ends = {f"{x:g}": x for x in (min(points)[0], max(points)[0])}
    grid = tables.grid(title, (axis, *(c.name for c in shown)), _columns(shown))
    legend = [curve.name for curve in shown] if len(shown) > 1 else []
    return _figure(title, _legend(legend), frame.scale() + frame.across(axis, ends) + drawn, grid)


def bars(title: str, names: Sequence[str], columns: Sequence[tuple[str, Sequence[int]]]) -> str:
    """Draw stacked counts, such as of days."""
    if not columns:
        return _nothing(title)
    highest = max(sum(numbers) for _, numbers in columns)
    frame = _Frame(0, len(columns), 0, _ticks(0, max(highest, 1))[-1])
    drawn = ""
    for place, (_, numbers) in enumerate(columns):
        base = 0
        for kind, number in enumerate(numbers):
            drawn += _bar(frame, place, (base, base + number), kind)
            base += number
    ends = f"{_text(LEFT, HEIGHT - 7, columns[0][0], 'start')}"
    if len(columns) > 1:
        ends += _text(WIDTH - RIGHT, HEIGHT - 7, columns[-1][0], "end")
    rows = [(label, *numbers) for label, numbers in reversed(columns)]
    grid = tables.grid(title, ("", *names), rows)
    return _figure(title, _legend(names), frame.scale() + ends + drawn, grid)


def shares(title: str, rows: Sequence[Marked], beside: str = "") -> str:
    """Draw shares with their intervals, one under the other; `beside` names the other ones."""
    if not rows:
        return _nothing(title)
    drawn = "".join(_strip(place, row) for place, row in enumerate(rows))
    height = len(rows) * STRIP + 18
    ends = "".join(
        _text(x, height - 3, label, anchor)
        for x, label, anchor in ((1, "0%", "start"), (180, "50%", "middle"), (359, "100%", "end"))
    )
    names = ("", "Share, 90% interval", *([beside] if beside else []))
    cells = [(row.name, row.share, *([_percent(row.beside)] if beside else [])) for row in rows]
    legend = _legend(["people", beside] if beside else [])
    return _figure(title, legend, drawn + ends, tables.grid(title, names, cells), height)


def reliability(title: str, foretold: Sequence[tuple[float, Share]]) -> str:
    """Draw how many were foretold to be liked against how many were; on the diagonal both agree."""
    if not foretold:
        return _nothing(title)
    frame = _Frame(0, 1, 0, 1)
    x, y = frame.at(0, 0)
    far, high = frame.at(1, 1)
    drawn = f'<path class="ideal" d="M{x:.1f} {y:.1f}L{far:.1f} {high:.1f}"/>'
    for chance, share in foretold:
        low, top = (frame.at(chance, end) for end in share.interval)
        drawn += f'<path class="whisker c0" d="M{low[0]:.1f} {low[1]:.1f}V{top[1]:.1f}"/>'
    curve = Line("liked", [(chance, share.value or 0.0) for chance, share in foretold])
    drawn += _curve(frame, curve, "c0")
    axes = frame.scale(percent=True)
    axes += frame.across("foretold to be liked", {"0%": 0.0, "100%": 1.0})
    rows = [(_percent(chance), share) for chance, share in foretold]
    grid = tables.grid(title, ("Foretold to be liked", "Were liked, 90% interval"), rows)
    return _figure(title, "", axes + drawn, grid)


@dataclass(frozen=True)
class _Frame:
    """Where figures lie on the picture."""

    left: float
    right: float
    low: float
    high: float

    @classmethod
    def around(cls, points: Sequence[Point]) -> "_Frame":
        """Return a frame that all points fit into, with round figures at the axis."""
        ticks = _ticks(min(y for _, y in points), max(y for _, y in points))
        first, last = min(x for x, _ in points), max(x for x, _ in points)
        if first == last:
            first, last = first - 1, last + 1
        return cls(first, last, ticks[0], ticks[-1])

    def at(self, x: float, y: float) -> Point:
        """Return the place of a point."""
        across = (x - self.left) / (self.right - self.left)
        up = (y - self.low) / (self.high - self.low)
        return (
            LEFT + across * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM),
        )

    def scale(self, *, percent: bool = False) -> str:
        """Draw the figures up the side, with a line across at each."""
        drawn = ""
        for tick in _ticks(self.low, self.high):
            x, y = self.at(self.left, tick)
            label = _percent(tick) if percent else f"{tick:,.6g}"
            drawn += f'<path class="grid" d="M{x:.1f} {y:.1f}H{WIDTH - RIGHT}"/>'
            drawn += _text(LEFT - 6, y + 4, label, "end")
        return drawn

    def across(self, axis: str, ends: Mapping[str, float]) -> str:
        """Draw what the axis below is of, and where it begins and ends."""
        drawn = _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 7, axis, "middle")
        for label, x in ends.items():
            place = self.at(x, self.low)[0]
            drawn += _text(place, HEIGHT - 7, label, "end" if place > WIDTH / 2 + 1 else "middle")
        return drawn


def _curve(frame: _Frame, curve: Line, colour: str) -> str:
    places = [frame.at(x, y) for x, y in curve.points]
    way = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    if curve.faint or len(places) > MOST_DOTS:
        return f'<path class="line {colour}" d="{way}"/>'
    dots = "".join(f'<circle class="{colour}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in places)
    return f'<path class="line {colour}" d="{way}"/>{dots}'


def _bar(frame: _Frame, place: int, ends: tuple[int, int], kind: int) -> str:
    (x, low), (far, high) = frame.at(place, ends[0]), frame.at(place + 1, ends[1])
    if ends[0] == ends[1]:
        return ""
    wide = min(0.8 * (far - x), 24)
    x = (x + far - wide) / 2
    size = f'width="{wide:.1f}" height="{low - high:.1f}"'
    return f'<rect class="c{kind}" x="{x:.1f}" y="{high:.1f}" {size}/>'


def _strip(place: int, row: Marked) -> str:
    y = place * STRIP
    name = row.name if len(row.name) <= MOST_NAME else f"{row.name[: MOST_NAME - 1]}…"
    drawn = _text(0, y + 13, name, "start", "name") + _text(360, y + 13, str(row.share), "end")
    line = y + 25
    drawn += f'<path class="grid" d="M4 {line}H356"/>'
    if row.share.value is not None:
        low, high = (4 + 352 * end for end in row.share.interval)
        drawn += f'<path class="interval c0" d="M{low:.1f} {line}H{high:.1f}"/>'
        drawn += f'<circle class="c0" cx="{4 + 352 * row.share.value:.1f}" cy="{line}" r="5"/>'
    if row.beside is not None:
        x = 4 + 352 * row.beside
        drawn += f'<path class="c1" d="M{x:.1f} {line - 7}l6 7l-6 7l-6 -7Z"/>'
    return drawn


def _figure(title: str, legend: str, drawn: str, grid: str, height: int = HEIGHT) -> str:
    name = html.escape(title)
    return (
        f'<figure class="plot"><figcaption>{name}</figcaption>{legend}'
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{name}; the table below says '
        f'the same">{drawn}</svg>'
        f"<details><summary>As a table</summary>{grid}</details></figure>"
    )


def _nothing(title: str) -> str:
    return (
        f'<figure class="plot"><figcaption>{html.escape(title)}</figcaption>'
        '<p class="quiet">Nothing yet.</p></figure>'
    )


def _legend(names: Sequence[str]) -> str:
    if not names:
        return ""
    items = "".join(
        f'<li><svg class="key" viewBox="0 0 10 10" aria-hidden="true">'
        f'<circle class="c{place}" cx="5" cy="5" r="5"/></svg>{html.escape(name)}</li>'
        for place, name in enumerate(names)
    )
    return f'<ul class="legend">{items}</ul>'


def _text(x: float, y: float, text: str, anchor: str, kind: str = "figure") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}>{html.escape(text)}</text>'


def _columns(curves: Sequence[Line]) -> list[tuple[object, ...]]:
    known = [dict(curve.points) for curve in curves]
    every = sorted({x for points in known for x in points})
    return [(f"{x:g}", *(tables.figure(points.get(x)) for points in known)) for x in every]


def _ticks(low: float, high: float) -> list[float]:
    """Return three to six round figures around these."""
    if high - low < 1e-12:
        high, low = high + (abs(high) or 1) / 2, low - (abs(low) or 1) / 2
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [place * step for place in range(first, last + 1)]


def _percent(share: float | None) -> str:
    return tables.NONE if share is None else f"{share:.0%}"
