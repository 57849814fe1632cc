"""What there is to say about a selection of the feedback, its biases included. Pure; counts only."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from storage.models import Message
from storage.seen import Opinions
from storage.selection import Selection
from storage.transcripts import Transcript


@dataclass
class Statistics:
    """Counts over the answers that were chosen."""

    conversations: int = 0
    answers: int = 0
    likes: int = 0
    dislikes: int = 0
    edits: int = 0
    choices: int = 0
    first_chosen: int = 0
    liked_words: int = 0
    disliked_words: int = 0
    first: datetime | None = None
    last: datetime | None = None
    raters: Counter[str] = field(default_factory=Counter)
    """Opinions of each person."""
    versions: Counter[str] = field(default_factory=Counter)
    """Answers by each version."""
    reasons: Counter[str] = field(default_factory=Counter)
    """How often each reason was given."""

    @property
    def opinions(self) -> int:
        """Return how much was said on purpose."""
        return self.likes + self.dislikes + self.edits + self.choices

    @property
    def busiest(self) -> float:
        """Return the share of all opinions that one person gave."""
        return max(self.raters.values(), default=0) / max(1, self.opinions)

    def add(self, t: Transcript, answers: Sequence[Message]) -> None:
        """Count one conversation."""
        before = self.opinions
        ratings, edits = t.ratings(), t.edits()
        for answer in answers:
            self.answers += 1
            self.versions[answer.version or ""] += 1
            self.first = min(self.first or answer.created_at, answer.created_at)
            self.last = max(self.last or answer.created_at, answer.created_at)
            self.edits += answer.id in edits
            if answer.id in ratings:
                self._rated(t, answer, liked=ratings[answer.id] > 0)
        self._chosen(t, {answer.id for answer in answers})
        self.conversations += bool(answers)
        if self.opinions > before:
            self.raters[t.rater] += self.opinions - before

    def _rated(self, t: Transcript, answer: Message, *, liked: bool) -> None:
        words = len(answer.text.split())
        self.likes += liked
        self.dislikes += not liked
        self.liked_words += words * liked
        self.disliked_words += words * (not liked)
        newest = {f.kind: f for f in t.said_of(answer)}["rating"]
        self.reasons.update(newest.reasons or [])

    def _chosen(self, t: Transcript, chosen: set[str]) -> None:
        for pair, choice in t.choices().items():
            if choice.verdict == "better" and pair <= chosen:
                other = t.messages[choice.other_id or ""]
                self.choices += 1
                self.first_chosen += t.messages[choice.message_id].created_at < other.created_at


def gather(
    transcripts: Iterable[Transcript], selection: Selection, opinions: Opinions | None = None
) -> Statistics:
    """Count all that a selection chooses; `opinions` are needed to judge agreement."""
    found = Statistics()
    for t in transcripts:
        found.add(t, selection.answers(t, opinions))
    return found
