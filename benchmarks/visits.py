"""What people can do with the product. Knows not whether they do it over HTTP or in this process."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

AT_ONCE = 8
"""People who chat at the same time."""


@dataclass(frozen=True)
class Answer:
    """One answer that a person got."""

    message: str
    text: str
    version: str


class Visit(Protocol):
    """One person's chat: what the product lets everyone do."""

    def ask(self, text: str) -> Answer:
        """Ask in a new conversation."""

    def regenerate(self, message: str) -> Answer:
        """Ask for another draft."""

    def rate(self, message: str, value: int) -> None:
        """Give a thumb: 1 or -1."""


@runtime_checkable
class Page(Visit, Protocol):
    """A visit with a browser: what its page lets people do besides, and what it notes of them."""

    def compare(self, text: str) -> tuple[Answer, Answer]:
        """Ask in a new conversation for two drafts."""

    def choose(self, chosen: str, rejected: str, verdict: str) -> None:
        """Say which draft is better."""

    def look(self, message: str, dwell_ms: float, copied: int) -> None:
        """Look at an answer for a while, and copy that many characters."""

    def leave(self) -> None:
        """Close the page; it tells then what was looked at."""
