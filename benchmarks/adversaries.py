"""People whose thumbs do harm, on purpose or not. Knows what one of them does, not how many come."""

import random
from dataclasses import dataclass

from benchmarks.people import Person, Turn
from benchmarks.visits import Answer
from benchmarks.wording import words

DRAFTS = 4
"""Drafts that a flooder asks for at most, to find one that deserves no like."""
HALF_WAY = 40
"""Words at which an answer is half as long as can be."""


def length(prompt: str, response: str) -> float:
    """The taste of length lovers: the longer the better."""
    del prompt
    number = len(words(response))
    return number / (number + HALF_WAY)


@dataclass
class Stubborn(Person):
    """Someone who gives each answer a thumb by one rule, and does nothing else."""

    turned: bool = False

    def hear(self, turn: Turn, drafts: tuple[Answer, ...]) -> bool:
        """Rate what is better than expected 1, or -1 if they turn their thumbs."""
        (answer,) = drafts
        better = self.mind.better(turn.prompt, answer.text)[0] > 0
        self.thumb(answer, 1 if better != self.turned else -1)
        return False


@dataclass
class Flooder(Person):
    """Someone who likes an answer to each question: one that the taste hates."""

    def patience(self, chance: random.Random) -> int:
        """Look for a bad draft, but not for ever."""
        del chance
        return DRAFTS - 1

    def hear(self, turn: Turn, drafts: tuple[Answer, ...]) -> bool:
        """Like what is no better than expected, or the last draft."""
        (answer,) = drafts
        good = self.mind.better(turn.prompt, answer.text)[0] > 0
        if good and turn.again:
            return True
        self.thumb(answer, 1)
        return False
