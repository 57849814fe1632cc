"""Do people like a version less than the one it replaced, or more? Pure: knows no table and no clock.

Whoever looks after each rating must not be fooled by the luckiest look. So this is a sequential
test, Robbins' mixture of likelihood ratios (Annals of Mathematical Statistics 41, 1970, 1397-1409;
for such experiments Johari et al., arXiv:1512.04922): the odds of "liked less" against "liked alike"
when every like-rate was equally likely before. Of versions that are liked alike, at most one in
`SURE` ever shows such odds, however often one looks (Ville's inequality, over all rates together;
`tests/hitl_chat/test_trial.py` draws single rates).

It doesn't cover someone who comes under many names.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from storage.adapters import Trial
from storage.feedback import Opinion

SURE = 20.0
"""Odds that decide."""
FEWEST = 5
"""Ratings of a version below which nothing is decided: the first few people are no sample."""
ENOUGH = 60
"""Ratings of a version after which its trial ends, if they gave no sure sign of harm."""
MOST = 10
"""Ratings of one person about one version that count, if others say something too."""
MOST_ODDS = 1_000_000
"""More are not told apart: they would only overflow."""

WORSE, BETTER, NO_WORSE = "worse", "better", "no worse"


@dataclass(frozen=True)
class Tally:
    """How many answers were liked, of those that were rated."""

    liked: int
    rated: int

    @classmethod
    def of(cls, opinions: Sequence[Opinion]) -> "Tally":
        """Count opinions."""
        return cls(sum(liked for _, liked in opinions), len(opinions))

    @property
    def disliked(self) -> int:
        """How many were not."""
        return self.rated - self.liked

    def turned(self) -> "Tally":
        """Return it with likes for dislikes."""
        return Tally(self.disliked, self.rated)


@dataclass(frozen=True)
class Standing:
    """How a trial stands: what counts of the ratings of both versions, and the odds.

    The odds hold whichever one person is left out.
    """

    trial: Trial
    mine: Tally
    theirs: Tally
    worse: float
    better: float

    @property
    def outcome(self) -> str | None:
        """What people have decided, or None as long as they haven't."""
        if self.mine.rated < FEWEST:
            return None
        if self.worse >= SURE:
            return WORSE
        if self.better >= SURE:
            return BETTER
        return NO_WORSE if self.mine.rated >= ENOUGH else None

    @property
    def sentence(self) -> str:
        """The trial, or what came of it, with its numbers."""
        version = self.trial.version
        begin, end = {
            WORSE: (f"rolled back by itself from {version}", _odds(self.worse, "less")),
            BETTER: (f"{version} kept after its trial", _odds(self.better, "more")),
            NO_WORSE: (f"{version} kept after its trial", "; no sure sign that it is liked less"),
            None: (f"{version} on trial", ""),
        }[self.outcome]
        return f"{begin}: {self.mine.liked} of {self.mine.rated} liked, {self._against}{end}"

    @property
    def _against(self) -> str:
        if not self.theirs.rated:
            return f"against half expected of {self.trial.against}, which nobody rated"
        return f"against {self.theirs.liked} of {self.theirs.rated} for {self.trial.against}"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "version": self.trial.version,
            "against": self.trial.against,
            "liked": self.mine.liked,
            "rated": self.mine.rated,
            "against_liked": self.theirs.liked,
            "against_rated": self.theirs.rated,
            "odds_worse": round(self.worse, 2),
            "odds_better": round(self.better, 2),
            "sentence": self.sentence,
        }


def standing(trial: Trial, mine: Sequence[Opinion], theirs: Sequence[Opinion]) -> Standing:
    """Weigh what was said of a version against what was said of the one that it replaced."""
    people = {rater for rater, _ in (*mine, *theirs)}
    samples = {(Tally.of(mine), Tally.of(theirs))}
    if len(people) > 1:
        mine, theirs = _capped(mine), _capped(theirs)
        samples = set(zip(_without(mine, people), _without(theirs, people), strict=True))
    return Standing(
        trial,
        Tally.of(mine),
        Tally.of(theirs),
        worse=min(odds_less(mine, theirs) for mine, theirs in samples),
        better=min(odds_more(mine, theirs) for mine, theirs in samples),
    )


def takes_part(conversation: str, share: float) -> bool:
    """Tell whether a conversation gets the version on trial; its id alone decides, for ever."""
    digest = hashlib.sha256(f"trial {conversation}".encode()).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32


def odds_less(mine: Tally, theirs: Tally) -> float:
    """Return the odds that `mine` comes from a lower like-rate, against one rate for both.

    Where nobody rated the other one, half is expected of it.
    """
    if not theirs.rated:
        return _odds_below_half(mine)
    apart = _log_chance(mine.liked, mine.disliked) + _log_chance(theirs.liked, theirs.disliked)
    alike = _log_chance(mine.liked + theirs.liked, mine.disliked + theirs.disliked)
    # Twice: only the half of all pairs of rates where the first is lower belongs to the claim.
    log_odds = math.log(2) + _log_chance_lower(mine, theirs) + apart - alike
    return math.exp(min(log_odds, math.log(MOST_ODDS)))


def odds_more(mine: Tally, theirs: Tally) -> float:
    """Return the odds of a higher like-rate, against one rate for both."""
    return odds_less(mine.turned(), theirs.turned())


@lru_cache(maxsize=65_536)
def _log_chance_lower(mine: Tally, theirs: Tally) -> float:
    """Return the log of the chance that one rate is lower than another, given what was seen of each.

    Rates that were uniform before are Beta(liked + 1, disliked + 1) now, and for whole numbers
    their comparison is a sum (Miller, "Formulas for Bayesian A/B Testing", 2015).
    """
    if mine.disliked < theirs.liked:  # the same said of dislikes, which is the shorter sum here
        mine, theirs = theirs.turned(), mine.turned()
    a, b, c = mine.liked + 1, mine.disliked + 1, theirs.disliked + 1
    terms = [
        _log_beta(a + i, b + c) - _log_beta(1 + i, c) - math.log(c + i)
        for i in range(theirs.liked + 1)
    ]
    largest = max(terms)
    return largest + math.log(sum(math.exp(t - largest) for t in terms)) - _log_beta(a, b)


def _odds_below_half(mine: Tally) -> float:
    """Return the odds of a rate below one half against just one half; exact, in whole numbers."""
    rated, liked = mine.rated, mine.liked
    above = sum(math.comb(rated + 1, more) for more in range(liked + 1, rated + 2))
    below = (rated + 1) * math.comb(rated, liked)
    return min(above, MOST_ODDS * below) / below


def _log_chance(liked: int, disliked: int) -> float:
    """Return the log-probability of one order of these ratings, all rates being equally likely."""
    return _log_beta(liked + 1, disliked + 1)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _without(opinions: Sequence[Opinion], people: Iterable[str]) -> Iterator[Tally]:
    """Yield the tally without each of these people, counting each opinion once."""
    liked: Counter[str] = Counter()
    rated: Counter[str] = Counter()
    for rater, likes in opinions:
        liked[rater] += likes
        rated[rater] += 1
    whole = Tally.of(opinions)
    for one in people:
        yield Tally(whole.liked - liked[one], whole.rated - rated[one])


def _capped(opinions: Sequence[Opinion]) -> list[Opinion]:
    """Return the first `MOST` opinions of each person."""
    said: dict[str, int] = {}
    kept = []
    for rater, liked in opinions:
        said[rater] = said.get(rater, 0) + 1
        if said[rater] <= MOST:
            kept.append((rater, liked))
    return kept


def _odds(odds: float, how: str) -> str:
    return f"; {odds:.0f} to 1 that it is liked {how} ({SURE:.0f} to 1 decides)"
