"""How often people may do what costs or pollutes, in token buckets. Knows no act's meaning, no HTTP.

Each person has a bucket for each kind of act, and so has each address. They are in memory only, so
that no address is ever stored, and several chat processes count each by itself.
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MOST = 50_000
"""Buckets that are held; then the one that was used least lately is dropped, as if it were full."""

ROUNDING = 1e-6
"""Of an act; who waited as long as they were told to isn't refused for less."""


@dataclass(frozen=True)
class Act:
    """What is counted: a bucket holds `times` the limit, and fills in `seconds`."""

    name: str
    times: int
    seconds: float


ANSWER = Act("answer", 1, 60)
FEEDBACK = Act("feedback", 4, 60)
SIGNALS = Act("signals", 4, 60)
NEWCOMER = Act("newcomer", 1, 3600)
GUESS = Act("guess", 1, 60)
ERASURE = Act("erasure", 1, 3600)  # each writes the database anew


class TooMuch(ValueError):
    """Somebody has to wait for some seconds; shown to them."""

    def __init__(self, wait: int, *, address: bool) -> None:
        whose = "A lot came from your address" if address else "That was a lot"
        unit = "second" if wait == 1 else "seconds"
        super().__init__(f"{whose} in a short time. Wait {wait} {unit} and try again.")
        self.wait = wait


class Limits:
    """Counts acts by person and by address; a limit of 0 is none. Threads may share it."""

    def __init__(
        self,
        person: int,
        address: int,
        clock: Callable[[], float] = time.monotonic,
        most: int = MOST,
    ) -> None:
        self._person = person
        self._address = address
        self._clock = clock
        self._most = most
        self._left: OrderedDict[tuple[str, ...], tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return how many buckets are held."""
        return len(self._left)

    def spend(self, act: Act, person: str | None, address: str | None, cost: int = 1) -> None:
        """Count an act of this person at this address; what is None isn't counted.

        A cost below 0 gives back what was spent.

        Raises:
            TooMuch: one of both has to wait; then neither is charged.
        """
        with self._lock:
            now = self._clock()
            charged = {}
            for kind, who, limit in (
                ("person", person, self._person),
                ("address", address, self._address),
            ):
                if who is None or not limit:
                    continue
                key, size = (kind, act.name, who), limit * act.times
                left, then = self._left.get(key, (size, now))
                left = min(size, left + (now - then) * size / act.seconds) - min(cost, size)
                if left < -ROUNDING:
                    self._left.move_to_end(key)  # who is refused isn't forgotten
                    wait = math.ceil(-left * act.seconds / size)
                    raise TooMuch(wait, address=kind == "address")
                charged[key] = (left, now)
            for key, bucket in charged.items():
                self._left[key] = bucket
                self._left.move_to_end(key)
            while len(self._left) > self._most:
                self._left.popitem(last=False)
