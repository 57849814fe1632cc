"""What browsers report, as clamped implicit signals. Pure: knows no table, no clock and no token.

A page may lie about its own rater's attention and nothing else; these numbers stay of low weight.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

DWELL = "dwell_ms"
REACH = "reach"
COPY = "copy"
LEAVE = "leave"
EVENTS = {"copy_sel": COPY, "copy_btn": COPY, "leave": LEAVE}
"""What pages call things, and what they are stored as."""
MAX_MESSAGES = 200
MAX_EVENTS = 50
MAX_COPIED = 100_000.0
MAX_ID = 64
MAX_SEQ = 2**31 - 1


@dataclass(frozen=True)
class Observed:
    """One signal about one message.

    `amount` is milliseconds looked at, characters copied, or the share of the answer that came
    into view, if known.
    """

    message_id: str
    kind: str
    amount: float | None


@dataclass(frozen=True)
class Batch:
    """What one beacon brought; `seq` counts the beacons of a page load."""

    seq: int
    observed: tuple[Observed, ...]


def token_of(body: object) -> str:
    """Return the token that a beacon carries.

    Raises:
        ValueError: there is none.
    """
    token = body.get("token") if isinstance(body, Mapping) else None
    if not isinstance(token, str):
        raise ValueError("A beacon is a JSON object with a 'token'.")  # noqa: TRY004 - a 4xx
    return token


def read(body: object, age_ms: float) -> Batch:
    """Return the signals of a beacon; `age_ms` is how long its page has been open.

    Single entries that make no sense are left out: old pages outlive new servers.

    Raises:
        ValueError: there is no sequence number.
    """
    if not isinstance(body, Mapping):
        raise ValueError("A beacon is a JSON object.")  # noqa: TRY004 - a 4xx
    seq = body.get("seq")
    if not isinstance(seq, int) or isinstance(seq, bool) or not 0 <= seq <= MAX_SEQ:
        raise ValueError("A beacon's 'seq' is a number that counts upwards from 0.")
    observed = (
        *_amounts(body.get("dwell"), DWELL, age_ms),
        *_amounts(body.get("reach"), REACH, 1.0),
        *_events(body.get("events")),
    )
    return Batch(seq, observed)


def _amounts(by_message: object, kind: str, most: float) -> Iterator[Observed]:
    if not isinstance(by_message, Mapping):
        return
    for message, given in list(by_message.items())[:MAX_MESSAGES]:
        amount = _clamped(given, most)
        if _is_id(message) and amount:
            yield Observed(message, kind, amount)


def _events(events: object) -> Iterator[Observed]:
    if not isinstance(events, list):
        return
    for event in events[:MAX_EVENTS]:
        kind = _kind(event.get("k")) if isinstance(event, Mapping) else None
        if kind and _is_id(event.get("mid")):
            yield Observed(str(event["mid"]), kind, _clamped(event.get("n"), MAX_COPIED))


def _kind(name: object) -> str | None:
    return EVENTS.get(name) if isinstance(name, str) else None


def _clamped(amount: object, most: float) -> float | None:
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        return None
    try:
        size = float(amount)
    except OverflowError:
        return most
    return None if math.isnan(size) else min(max(size, 0.0), most)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_ID
