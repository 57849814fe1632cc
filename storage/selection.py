"""Which answers a data set speaks of, and on which side of a split. Knows no format and no file."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from storage.models import Message
from storage.names import pseudonym
from storage.seen import Opinions
from storage.transcripts import Transcript


@dataclass(frozen=True)
class Selection:
    """Answers given from `since` on and before `until`, by these versions, to these raters and tasks.

    Empty sets are all. A question whose answers nobody scored has no task. Raters are named as in the
    database or as data sets name them. Agreement is the share of the people who rated the same answer
    to the same prompt that is of one mind; an answer with less of it than `min_agreement` is left out.
    What nobody rated isn't.
    """

    since: datetime | None = None
    until: datetime | None = None
    versions: frozenset[str] = frozenset()
    raters: frozenset[str] = frozenset()
    tasks: frozenset[str] = frozenset()
    min_agreement: float = 0.0

    def answers(self, t: Transcript, opinions: Opinions | None = None) -> list[Message]:
        """Return those answers of a conversation; `opinions` are needed to judge agreement."""
        if self.raters and not self.raters & {t.rater, pseudonym(t.rater)}:
            return []
        found = [answer for answer in t.answers() if self._wants(t, answer)]
        if opinions is None or not self.min_agreement:
            return found
        ratings = t.ratings()
        return [
            answer
            for answer in found
            if answer.id not in ratings
            or opinions.agreement(_words(t, answer)) >= self.min_agreement
        ]

    def _wants(self, t: Transcript, answer: Message) -> bool:
        return (
            (self.since is None or answer.created_at >= self.since)
            and (self.until is None or answer.created_at < self.until)
            and (not self.versions or answer.version in self.versions)
            and (not self.tasks or not self.tasks.isdisjoint(t.tasks(answer)))
        )


@dataclass(frozen=True)
class Split:
    """A share of all conversations, or of all people, that is kept apart for testing.

    The id alone decides: whoever is on one side stays there, however much is added.
    """

    share: float = 0.0
    by: str = "conversation"

    @property
    def sides(self) -> tuple[str, ...]:
        """Return the names of the sides; without a split there is one."""
        return ("train", "test") if self.share else ("train",)

    def side(self, t: Transcript) -> str:
        """Return the side that a conversation is on."""
        if not self.share:
            return "train"
        unit = t.rater if self.by == "person" else t.conversation
        digest = hashlib.sha256(unit.encode()).digest()
        return "test" if int.from_bytes(digest[:4], "big") < self.share * 2**32 else "train"


def opinions(transcripts: Iterable[Transcript]) -> Opinions:
    """Gather who thinks what of which answer, all conversations together."""
    found = Opinions()
    for t in transcripts:
        ratings = t.ratings()
        for answer in t.answers():
            if answer.id in ratings:
                found.add(_words(t, answer), t.rater, ratings[answer.id])
    return found


def _words(t: Transcript, answer: Message) -> bytes:
    """Return what is the same for the same answer to the same prompt."""
    turns = [*t.prompt(answer), {"role": "assistant", "content": answer.text}]
    return "\x00".join(part for turn in turns for part in turn.values()).encode()
