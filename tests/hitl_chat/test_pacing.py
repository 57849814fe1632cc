import time
from collections.abc import Iterator

import pytest

from hitl_chat.pacing import FEW, LONGEST, SHORTEST, Pace

PROCESSORS = 2


def ticking(count: int, seconds: float) -> Iterator[int]:
    for number in range(count):
        yield number
        time.sleep(seconds)


def test_the_first_two_items_and_the_last_one_always_come() -> None:
    assert list(Pace(PROCESSORS).thin(iter(range(1_000)))) == [0, 1, 999]
    assert list(Pace(PROCESSORS).thin(iter([7]))) == [7]
    assert list(Pace(PROCESSORS).thin(iter([]))) == []


def test_first_words_come_at_once_after_items_that_say_nothing_new() -> None:
    def reply() -> Iterator[str]:
        yield ""
        for _ in range(3):  # while the prompt is read
            time.sleep(SHORTEST)
            yield ""
        yield "The"
        yield "The sky"
        yield "The sky is"

    assert list(Pace(PROCESSORS).thin(reply())) == ["", "", "", "", "The", "The sky is"]


def test_updates_come_about_ten_times_a_second() -> None:
    assert 4 <= len(list(Pace(PROCESSORS).thin(ticking(50, 0.01)))) <= 8


@pytest.mark.parametrize(
    ("processors", "others", "interval"),
    [(2, 2 * 2 * FEW - 1, 2 * SHORTEST), (2, 40, LONGEST), (64, 40, LONGEST)],
)
def test_many_streams_slow_each_other_down_but_not_for_ever(
    processors: int, others: int, interval: float
) -> None:
    pace = Pace(processors)
    open_streams = [pace.thin(iter(range(9))) for _ in range(others)]
    for stream in open_streams:
        next(stream)
    begun = time.monotonic()
    updates = len(list(pace.thin(ticking(60, 0.01))))
    always = 3  # the first two and the last one
    assert updates <= (time.monotonic() - begun) / interval + always


def test_closing_closes_what_is_thinned() -> None:
    closed = []

    def source() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    stream = Pace(PROCESSORS).thin(source())
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert closed == [True]
