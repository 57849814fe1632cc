"""A simulated crowd chats, and what it does hangs on no thread's pace.

Those who chat at the same time hear their answers only once all are there, in the order they came;
each question has a source of chance of its own. So the same answers get the same thumbs.
Knows when people come, not who they are, nor what they feel.
"""

import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from benchmarks.casting import Arrival, Casting
from benchmarks.minds import Taste
from benchmarks.mix import Mix
from benchmarks.people import Person, Turn
from benchmarks.visits import AT_ONCE, Answer, Visit


@dataclass
class Crowd:
    """People around one taste. Each likes what is better than their kind has seen so far."""

    taste: Taste
    seed: int
    mix: Mix = field(default_factory=Mix)
    given: Counter[str] = field(default_factory=Counter)
    """Thumbs by kind of people, and `choices`; of the silent, the answers they looked at."""

    @property
    def ratings(self) -> int:
        """The honest thumbs."""
        return self.given["honest"]

    def rate(
        self,
        open: Callable[[], Visit],
        prompts: Sequence[str],
        number: int,
        tell: Callable[[int], None],
    ) -> None:
        """Chat until `number` honest thumbs are given; `tell` hears how many there are.

        `open` opens the visit of one person, who keeps it over several conversations.
        """
        casting = Casting(self.taste, self.seed, self.mix, open, self.given)
        honest, others = casting.honest(number), casting.others(number)
        waiting, asked = deque(others), 0
        with ThreadPoolExecutor(AT_ONCE) as pool:
            while self.ratings < number:
                turns = self._group(honest, prompts, asked, number - self.ratings)
                asked += len(turns)
                while waiting and waiting[0].when < self.ratings / number:
                    turns.append(self._arrive(waiting.popleft(), prompts))
                _sit(pool, turns)
                tell(self.ratings)
            _sit(pool, [self._arrive(one, prompts) for one in waiting])
        for person in (*honest, *(one.who for one in others)):
            person.leave()

    def _group(
        self, honest: Sequence[Person], prompts: Sequence[str], asked: int, missing: int
    ) -> list[Turn]:
        """Return as many turns at once as can't give more thumbs than are missing."""
        group = min(AT_ONCE, max(1, missing // 2))
        turns = []
        for place in range(asked, asked + group):
            person, prompt = honest[place % len(honest)], prompts[place % len(prompts)]
            patience = person.patience(random.Random(self.seed * 1_000_003 + place + group))
            chance = random.Random(f"{self.seed} honest {place}")
            turns.append(Turn(person, prompt, chance, min(patience, missing - 1)))
        return turns

    def _arrive(self, arrival: Arrival, prompts: Sequence[str]) -> Turn:
        chance = random.Random(f"{self.seed} {arrival.name}")
        prompt = chance.choice(prompts)
        return Turn(arrival.who, prompt, chance, arrival.who.patience(chance))


def _sit(pool: ThreadPoolExecutor, turns: list[Turn]) -> None:
    """Let all of them ask, then hear their answers one after the other; over again if some want."""
    for turn in turns:
        turn.person.arrive()
    heard = list(pool.map(_ask, turns))
    while turns:
        unhappy = [
            (turn, drafts[-1].message)
            for turn, drafts in zip(turns, heard, strict=True)
            if turn.person.hear(turn, drafts) and turn.again
        ]
        heard = list(pool.map(_ask_again, unhappy))
        turns = [turn for turn, _ in unhappy]


def _ask(turn: Turn) -> tuple[Answer, ...]:
    return turn.person.ask(turn)


def _ask_again(unhappy: tuple[Turn, str]) -> tuple[Answer, ...]:
    turn, message = unhappy
    turn.again -= 1
    return (turn.person.visit.regenerate(message),)
