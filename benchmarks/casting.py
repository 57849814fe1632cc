"""Who belongs to a simulated crowd, and when each of them asks. Knows not what they do.

Kinds of people see the answers of their own kind only: so the honest give the same thumbs to the
same answers, whoever else comes.
"""

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.adversaries import Flooder, Stubborn, length
from benchmarks.minds import Mind, Taste, Temper
from benchmarks.mix import Mix
from benchmarks.people import Honest, Person, Silent
from benchmarks.visits import AT_ONCE, Visit

EACH = 8
"""Questions that one person asks, about."""


@dataclass(frozen=True)
class Arrival:
    """Someone comes with a question, once a share of the honest thumbs is given."""

    when: float
    who: Person
    name: str
    """Of this question; no other has it."""


@dataclass(frozen=True)
class Casting:
    """Makes the people of one crowd."""

    taste: Taste
    seed: int
    mix: Mix
    open: Callable[[], Visit]
    given: Counter[str]

    def honest(self, number: int) -> list[Person]:
        """Return those who give `number` thumbs; as many as chat at once, at least."""
        mind = Mind(self.taste, self.mix.length_bias)
        return [
            Honest(
                "honest", mind, self.open, self.given, self._temper("honest", i), habits=self.mix
            )
            for i in range(_people(number, 1.0))
        ]

    def others(self, number: int) -> list[Arrival]:
        """Return everyone else's questions beside `number` honest thumbs, each kind spread evenly."""
        arrivals = []
        for queue in self._queues(number):
            for place, who in enumerate(queue):
                when = (place + 0.5) / len(queue)
                arrivals.append(Arrival(when, who, f"{who.kind} {place}"))
        return sorted(arrivals, key=lambda arrival: arrival.when)

    def _queues(self, number: int) -> list[Sequence[Person]]:
        """Return who asks the first, the second, ... question, for each kind of people."""
        mix = self.mix
        return [
            self._share(mix.silent, number, self._silent(Mind(self.taste, mix.length_bias))),
            self._share(mix.flippers, number, self._stubborn("flippers", turned=True)),
            self._share(mix.length_lovers, number, self._stubborn("length_lovers", length)),
            self._flood(),
            self._sybils(),
        ]

    def _share(self, share: float, number: int, make: Callable[[int], Person]) -> Sequence[Person]:
        part = share / self.mix.honest
        people = [make(i) for i in range(_people(number, part))] if share else []
        return [people[i % len(people)] for i in range(round(number * part))]

    def _flood(self) -> Sequence[Person]:
        flooder = Flooder("flooder", Mind(self.taste), self.open, self.given)
        return [flooder] * self.mix.flooder

    def _sybils(self) -> Sequence[Person]:
        chance = random.Random(f"{self.seed} sybils")
        make = self._stubborn("sybils", turned=True)
        return [
            sybil
            for sybil in map(make, range(self.mix.sybils))
            for _ in range(chance.choice((1, 2)))
        ]

    def _silent(self, mind: Mind) -> Callable[[int], Person]:
        return lambda i: Silent("silent", mind, self.open, self.given, self._temper("silent", i))

    def _stubborn(
        self, kind: str, taste: Taste | None = None, *, turned: bool = False
    ) -> Callable[[int], Person]:
        mind = Mind(taste or self.taste)
        return lambda _: Stubborn(kind, mind, self.open, self.given, turned)

    def _temper(self, kind: str, place: int) -> Temper:
        chance = random.Random(f"{self.seed} {kind} temper {place}")
        return Temper.drawn(chance, self.mix.disagreement)


def _people(number: int, part: float) -> int:
    """Return how many people ask that part of `number` questions."""
    return max(1, round(max(AT_ONCE, math.ceil(number / EACH)) * part))
