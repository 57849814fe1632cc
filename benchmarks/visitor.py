"""Someone who uses the service in this process, as a page would. Knows no taste."""

from collections.abc import Iterator
from typing import TypeVar

from benchmarks.visits import Answer
from hitl_chat.service import Draft, Service
from hitl_chat.signals import MAX_EVENTS

T = TypeVar("T")


class Visitor:
    """One rater, with a conversation for each question and one load of the page for all."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._rater = service.start()
        self._page = service.opinions.page_token(self._rater.rater)
        self._beacons = 0
        self._looks: list[tuple[str, float, int]] = []

    def ask(self, text: str) -> Answer:
        """Ask in a new conversation."""
        started = self._service.start(self._rater.token)
        return _answer(_last(self._service.ask(started.rater, started.conversation, text)))

    def regenerate(self, message: str) -> Answer:
        """Ask for another draft."""
        return _answer(_last(self._service.regenerate(self._rater.rater, message)))

    def rate(self, message: str, value: int) -> None:
        """Give a thumb."""
        self._service.opinions.rate(self._rater.rater, message, value)

    def compare(self, text: str) -> tuple[Answer, Answer]:
        """Ask in a new conversation for two drafts."""
        started = self._service.start(self._rater.token)
        first, second = _last(self._service.compare(started.rater, started.conversation, text))
        return _answer(first), _answer(second)

    def choose(self, chosen: str, rejected: str, verdict: str) -> None:
        """Say which draft is better."""
        self._service.opinions.choose(self._rater.rater, chosen, rejected, verdict)

    def look(self, message: str, dwell_ms: float, copied: int) -> None:
        """Note what the page would; nobody waits for it, and the service cuts what can't be."""
        self._looks.append((message, dwell_ms, copied))

    def leave(self) -> None:
        """Send all that was noted, as a browser does when its page is closed."""
        for start in range(0, len(self._looks), MAX_EVENTS):
            looks = self._looks[start : start + MAX_EVENTS]
            self._beacons += 1
            copies = [(message, copied) for message, _, copied in looks if copied]
            self._service.opinions.take_beacon(
                {
                    "token": self._page,
                    "seq": self._beacons,
                    "dwell": {message: round(dwell) for message, dwell, _ in looks},
                    "events": [{"k": "copy_btn", "mid": m, "n": n} for m, n in copies],
                }
            )
        self._looks.clear()


def _answer(draft: Draft) -> Answer:
    return Answer(draft.message, draft.text, draft.version)


def _last(drafts: Iterator[T]) -> T:
    last: T | None = None
    for last in drafts:  # noqa: B007 - the last one is wanted
        pass
    if last is None:
        raise RuntimeError("The service answered nothing.")
    return last
