"""Thins out a stream, so that browsers get about ten updates a second and never miss the last.

Knows nothing of what streams.
"""

import threading
import time
from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")

SHORTEST = 0.1
"""Seconds between two updates while few people are being answered."""
LONGEST = 0.25
"""Seconds between two updates however many there are."""
FEW = 2
"""Streams for each processor beyond which they slow each other down: updates take time from writing."""
MOST = 10
"""And however many processors there are: one process, and one Python lock, tells all browsers."""


class Pace:
    """Shared by all streams of one server: the more there are, the longer each one waits."""

    def __init__(self, processors: int) -> None:
        """`processors` is how many write answers and tell of them."""
        self._streams = 0
        self._few = min(MOST, FEW * processors)
        self._lock = threading.Lock()

    def thin(self, items: Iterator[T]) -> Iterator[T]:
        """Yield the first two items, then the newest one every so often, and the last one.

        A reply begins empty, so its second item has the first words that there are to read. Items
        that say nothing new come no sooner than others, but hold no other one up. Closing this
        closes `items`.
        """
        with self._lock:
            self._streams += 1
        try:
            yield from self._thinned(items)
        finally:
            with self._lock:
                self._streams -= 1
            close = getattr(items, "close", None)
            if close:
                close()

    def _thinned(self, items: Iterator[T]) -> Iterator[T]:
        held: list[T] = []
        shown: T | None = None
        shown_at = news_at = 0.0
        for item in items:
            held = [item]
            now, new = time.monotonic(), item != shown
            if now - (news_at if new else shown_at) >= self._interval():
                if new and shown is not None:
                    news_at = now
                shown, shown_at = item, now
                yield held.pop()
        yield from held

    def _interval(self) -> float:
        return min(LONGEST, SHORTEST * max(1.0, self._streams / self._few))
