"""What people can do with the product. Knows not whether they do it over HTTP or in this process."""

from dataclasses import dataclass
from typing import Protocol

AT_ONCE = 8
"""People who chat at the same time."""


@dataclass(frozen=True)
class Answer:
    """One answer that a person got."""

    message: str
    text: str
    version: str


class Visit(Protocol):
    """One person's chat: what the product lets people do."""

    def ask(self, text: str) -> Answer:
        """Ask in a new conversation."""

    def regenerate(self, message: str) -> Answer:
        """Ask for another draft."""

    def rate(self, message: str, value: int) -> None:
        """Give a thumb: 1 or -1."""
