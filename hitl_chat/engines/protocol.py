"""What the service needs of an engine. Knows no model library, no page and no database."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

Turn = dict[str, str]
"""One chat turn: `{"role": "user" | "assistant" | "system", "content": text}`."""


class EngineBusy(RuntimeError):
    """Too many replies wait already; shown to the person as "try again shortly"."""

    @classmethod
    def at(cls, limit: int) -> "EngineBusy":
        """Say that `limit` replies are being written or wait."""
        return cls(f"{limit} people are being answered or wait already. Try again shortly.")


class AdapterRejected(ValueError):
    """An adapter failed its checks; the old version keeps serving, the owner is told."""


@dataclass(frozen=True)
class Sampling:
    """How an answer is drawn; stored with it so that it can be drawn again."""

    temperature: float = 0.7
    top_p: float = 0.95
    max_new_tokens: int = 256

    def as_json(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return asdict(self)


@dataclass
class Reply:
    """One answer while it is made. `text` grows; the rest is final once `stop_reason` is set.

    `stop_reason` is `eos`, `length`, `stop` (closed by the caller) or `error`. While it waits for
    its turn, `ahead` says how many others wait before it.
    """

    version: str
    seed: int
    text: str = ""
    ahead: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    first_token_ms: float | None = None
    duration_ms: float | None = None
    stop_reason: str | None = None


class Engine(Protocol):
    """Makes answers, several at once, each with the one version it began with."""

    name: str
    base: str
    """What the base model is called in stored messages."""

    @property
    def adapts(self) -> bool:
        """Whether it can take adapters; without, nothing is trained here."""

    @property
    def version(self) -> str:
        """The version that the next reply will use."""

    @property
    def beside(self) -> str | None:
        """The version that is kept ready beside that one, if any."""

    def stream(
        self, turns: list[Turn], sampling: Sampling, seed: int, *, beside: bool = False
    ) -> Iterator[Reply]:
        """Yield the same `Reply` whenever it has changed; closing the iterator stops the work.

        With `beside`, the version kept beside is asked, if there is one.

        Raises:
            EngineBusy: the waiting line is full, or, after the first yield, what does the work
                can't answer now.
        """

    def activate(self, version: str, folder: Path | None) -> None:
        """Make `version` the one that new replies use; replies in flight keep theirs.

        `folder` is the adapter's, or None for the bare base. Checks everything first.

        Raises:
            AdapterRejected: nothing changed.
            EngineBusy: nothing changed, and it isn't the adapter's fault; try again later.
        """

    def accompany(self, version: str | None, folder: Path | None) -> None:
        """Keep `version` ready beside the one that new replies use; None lets go of it.

        Raises:
            AdapterRejected, EngineBusy: as `activate`; nothing changed.
        """

    def close(self) -> None:
        """Stop all work and free the model."""
