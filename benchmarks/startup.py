"""From the start of the app to its first token, and the memory that it holds after chats.

Knows the app as a process, trainer included as with `make run`; nothing of what it does inside.
"""

import time
from statistics import median

from benchmarks.bench import Bench
from benchmarks.clients import Clients
from benchmarks.figures import Figure
from benchmarks.running import serving
from benchmarks.simulate import tell

CHATS = 32
STREAMS = 8


def start(bench: Bench) -> list[Figure]:
    """Start the app once to warm the machine up, then measured, and let people chat each time."""
    _once(bench)
    measured = [_once(bench) for _ in range(bench.amounts.rounds)]
    firsts = [first for first, _ in measured]
    held = [megabytes for _, megabytes in measured if megabytes is not None]
    resident = median(held) if held else None
    tell(
        section="start",
        first_token_s=round(median(firsts), 2),
        resident_mb=None if resident is None else round(resident),
        chats=CHATS,
    )
    return [
        Figure("app start to first token", median(firsts), 5, at_most=True, unit=" s"),
        Figure(f"chat process after {CHATS} chats", resident, 600, at_most=True, unit=" MB"),
    ]


def _once(bench: Bench) -> tuple[float, float | None]:
    """Return seconds to the first token, connecting included, and memory in MB."""
    asked = bench.questions(CHATS)
    begun = time.monotonic()
    with serving({**bench.env, "HITL_TRAINER": "on"}) as app:
        people = Clients(app.address)
        (heard,) = people.answer(asked[:1], 1).heard
        all_of_it = time.monotonic() - begun
        first = all_of_it - heard.seconds + (heard.first_s or heard.seconds)
        for place in range(0, CHATS, STREAMS):
            people.answer(asked[place : place + STREAMS], STREAMS)
        return first, app.resident_mb()
