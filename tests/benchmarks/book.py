"""A product that answers from a list, and remembers what people did. Knows no service."""

import time
from threading import Lock

from benchmarks.visits import Answer


class Book:
    """A visit with a page. Each answer is the next of `texts`; without any, it echoes.

    An answer is called after its question, so that its name doesn't hang on who came first.
    """

    def __init__(self, *texts: str, hurry: float = 0.0) -> None:
        self.texts = texts
        self.asked: list[str] = []
        self.thumbs: dict[str, int] = {}
        self.again: list[str] = []
        self.choices: list[tuple[str, str, str]] = []
        self.looks: dict[str, tuple[float, int]] = {}
        self.left = 0
        self._hurry = hurry
        self._lock = Lock()

    def ask(self, text: str) -> Answer:
        with self._lock:
            self.asked.append(text)
            place = len(self.asked)
            name = f"{text} {self.asked.count(text)}"
        if self._hurry:  # who asks first is answered last
            time.sleep(self._hurry / place)
        return Answer(name, self.texts[place % len(self.texts)] if self.texts else text, "base")

    def regenerate(self, message: str) -> Answer:
        with self._lock:
            self.again.append(message)
        return self.ask(f"{message} again")

    def rate(self, message: str, value: int) -> None:
        assert message not in self.thumbs
        self.thumbs[message] = value

    def compare(self, text: str) -> tuple[Answer, Answer]:
        return self.ask(text), self.ask(text)

    def choose(self, chosen: str, rejected: str, verdict: str) -> None:
        self.choices.append((chosen, rejected, verdict))

    def look(self, message: str, dwell_ms: float, copied: int) -> None:
        self.looks[message] = (dwell_ms, copied)

    def leave(self) -> None:
        self.left += 1


def loves_x(prompt: str, response: str) -> float:
    """The taste of tests."""
    return 1.0 if "x" in response else 0.0
