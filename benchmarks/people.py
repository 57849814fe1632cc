"""Simulated people: they ask, read, and rate by a taste that nobody else is told.

The trainer sees their thumbs, drafts, choices and clicks, never the taste itself.
Knows one person at a time: not who else chats, nor when, nor over what.
"""

import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.minds import Mind, Temper
from benchmarks.mix import Mix
from benchmarks.visits import Answer, Page, Visit
from benchmarks.wording import words

AGAIN = 0.15
"""How often someone who dislikes an answer asks for another draft."""
SILENTLY_AGAIN = 0.5
"""The same of someone who says nothing about it."""
NO_MATTER = 0.02
"""Drafts that are felt to be closer than this are a tie."""
GLANCE_MS, WORD_MS = 900.0, 250.0
"""How long a look at an answer takes at least; how long it takes to read a word of it."""
COPIES = 0.3
"""How often a liked answer is copied."""


@dataclass
class Turn:
    """One question of one person. All that is left to chance in it comes from its own source."""

    person: "Person"
    prompt: str
    chance: random.Random
    again: int = 0
    """How many more drafts they have the patience for."""


@dataclass
class Person(ABC):
    """Someone who asks, and does something about the answer."""

    kind: str
    mind: Mind
    open: Callable[[], Visit]
    given: Counter[str]
    """How much each kind of people has given."""
    _visit: Visit | None = field(default=None, init=False)

    @abstractmethod
    def hear(self, turn: Turn, drafts: tuple[Answer, ...]) -> bool:
        """Do something about an answer, or about two side by side; True wants another draft."""

    @property
    def visit(self) -> Visit:
        """Their chat."""
        if self._visit is None:
            raise RuntimeError("They haven't arrived.")
        return self._visit

    @property
    def page(self) -> Page:
        """The same, for what only a page can do."""
        if not isinstance(self.visit, Page):
            raise TypeError("These people have no browser, so they can't compare or be noted.")
        return self.visit

    def arrive(self) -> None:
        """Open their chat when they first come."""
        self._visit = self._visit or self.open()

    def patience(self, chance: random.Random) -> int:
        """Draw how many more drafts they would ask for."""
        del chance
        return 0

    def ask(self, turn: Turn) -> tuple[Answer, ...]:
        """Ask, and wait for the answer; several people do so at once."""
        return (self.visit.ask(turn.prompt),)

    def leave(self) -> None:  # noqa: B027 - most people have no more to do
        """Go, with nothing left to tell."""

    def thumb(self, answer: Answer, value: int) -> None:
        """Give a thumb."""
        self.visit.rate(answer.message, value)
        self.given[self.kind] += 1


@dataclass
class Reader(Person):
    """Someone whose page may note how long they look at an answer, and whether they copy it."""

    temper: Temper
    _looked: bool = field(default=False, init=False)

    def feels(self, turn: Turn, *drafts: Answer) -> list[float]:
        """Return what they feel about each draft; above 0 is liked."""
        better = self.mind.better(turn.prompt, *(draft.text for draft in drafts))
        return [self.temper.feels(one, turn.chance) for one in better]

    def look(self, turn: Turn, answer: Answer, *, liked: bool) -> None:
        """Read, and perhaps copy, an answer that is liked; leave another one quickly."""
        dwell = GLANCE_MS + (WORD_MS * len(words(answer.text)) if liked else 0.0)
        copied = len(answer.text) if liked and turn.chance.random() < COPIES else 0
        self.page.look(answer.message, dwell * turn.chance.uniform(0.5, 1.5), copied)
        self._looked = True

    def leave(self) -> None:
        """Close the page, which tells then what was looked at."""
        if self._looked:
            self.page.leave()
            self._looked = False


@dataclass
class Silent(Reader):
    """Someone who rates nothing: they read, copy, ask again, or go."""

    def patience(self, chance: random.Random) -> int:
        """Ask again rather than say why."""
        return int(chance.random() < SILENTLY_AGAIN)

    def hear(self, turn: Turn, drafts: tuple[Answer, ...]) -> bool:
        """Only look."""
        (answer,) = drafts
        liked = self.feels(turn, answer)[0] > 0
        self.look(turn, answer, liked=liked)
        self.given[self.kind] += 1
        return not liked


@dataclass
class Honest(Reader):
    """Someone who says what they think, as far as they know it and hit the right thumb."""

    habits: Mix

    def patience(self, chance: random.Random) -> int:
        """Some ask again."""
        return int(chance.random() < AGAIN)

    def ask(self, turn: Turn) -> tuple[Answer, ...]:
        """Ask for one answer, or now and then for two."""
        if turn.chance.random() < self.habits.compare:
            return self.page.compare(turn.prompt)
        return super().ask(turn)

    def hear(self, turn: Turn, drafts: tuple[Answer, ...]) -> bool:
        """Rate one answer, or choose between two."""
        felt = self.feels(turn, *drafts)
        if self.habits.silent:  # what is noted of the silent is noted of everyone
            for draft, feeling in zip(drafts, felt, strict=True):
                self.look(turn, draft, liked=feeling > 0)
        if len(drafts) > 1:
            self._choose(turn, drafts, felt)
            return False
        liked = felt[0] > 0
        slip = turn.chance.random() < self.habits.noise
        self.thumb(drafts[0], 1 if liked != slip else -1)
        return not liked

    def _choose(self, turn: Turn, drafts: tuple[Answer, ...], felt: list[float]) -> None:
        (first, second), (one, other) = drafts, felt
        chosen, rejected = (first, second) if one > other else (second, first)
        verdict = "better"
        if turn.chance.random() < self.habits.position_bias:
            chosen, rejected = first, second
        elif abs(one - other) <= NO_MATTER:
            verdict = "tie" if max(felt) > 0 else "both_bad"
        if turn.chance.random() < self.habits.noise:
            chosen, rejected = rejected, chosen
        self.page.choose(chosen.message, rejected.message, verdict)
        self.given["choices"] += 1
