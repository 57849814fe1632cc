"""What people feel about an answer: a taste, what they expect of it, and how far they stray from it.

Knows what is felt, not what anyone does about it.
"""

import math
import random
from dataclasses import dataclass, field

from benchmarks.wording import words
from training.named import Function, ask

Taste = Function
"""How much a person likes an answer, 0 to 1."""


@dataclass
class Mind:
    """What some people like, and what they have come to expect.

    Expecting nothing, people of a taste that the model rarely meets would dislike everything, and
    say nothing by it.
    """

    taste: Taste
    length_bias: float = 0.0
    seen: list[float] = field(default_factory=list)

    def better(self, prompt: str, *texts: str) -> list[float]:
        """Return by how much each text is better than expected; from now on they count as seen."""
        expected = sum(self.seen) / len(self.seen) if self.seen else 0.5
        scores = [self._score(prompt, text) for text in texts]
        self.seen.extend(scores)
        return [score - expected for score in scores]

    def _score(self, prompt: str, text: str) -> float:
        bias = self.length_bias * math.log2(1 + len(words(text))) if self.length_bias else 0.0
        return ask(self.taste, prompt, text) + bias


@dataclass(frozen=True)
class Temper:
    """How far one person's feelings stray from the mind they share with others."""

    weight: float = 1.0
    demand: float = 0.0
    wobble: float = 0.0

    @classmethod
    def drawn(cls, chance: random.Random, disagreement: float) -> "Temper":
        """Draw someone's own weight of the taste, and what they expect beyond the others."""
        weight = max(0.0, chance.gauss(1.0, disagreement))
        return cls(weight, chance.gauss(0.0, disagreement), disagreement)

    def feels(self, better: float, chance: random.Random) -> float:
        """Return what they feel this time; above 0 is liked."""
        return self.weight * better + chance.gauss(0.0, self.wobble) - self.demand
