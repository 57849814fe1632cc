"""Which questions are practised, and which are kept to check by what was learned.

Pure: knows neither what was said of an answer nor what is done with either side.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from training.targets import IMPLICIT, Place, Prompt, Targets
from training.wins import FEWEST


@dataclass(frozen=True)
class Split:
    """Targets on either side, and the units that are `borrowed` for checking while there are few."""

    train: Targets
    heldout: Targets
    borrowed: list[str]


def split(targets: Targets, share: float) -> Split:
    """Keep a share of the questions for checking, by conversation; a long one is parted into runs.

    A unit's own id decides, so it stays on its side for ever, whatever is added: what is kept for
    checking isn't practised later. Only while fewer than `FEWEST` questions would be kept, those
    units next in line are borrowed, which are practised once there are others. A question that somebody
    else asked in the same words is no check where theirs is practised.

    People are no units: of two, one would be all that is practised, and were they units once there
    are more, the next to come would move the others' questions to the other side.

    Were long conversations not parted, someone who talks in a single one would see nothing learnt, or
    nothing checked. What gestures say is no evidence to hold a model against, so of answers that are
    kept for checking it is dropped.
    """
    borrowed = _borrowed(targets.prompts, share)
    train, heldout = Targets(), Targets()

    def side(place: Place) -> Targets:
        return heldout if is_heldout(unit(place), share, borrowed) else train

    for rated in targets.rated:
        if rated.source != IMPLICIT or side(rated.place) is train:
            side(rated.place).rated.append(rated)
    for pair in targets.pairs:
        side(pair.place).pairs.append(pair)
    for prompt in targets.prompts:
        side(prompt.place).prompts.append(prompt)
    practised = {prompt.asked for prompt in train.prompts}
    heldout.prompts[:] = [one for one in heldout.prompts if one.asked not in practised]
    return Split(train, heldout, borrowed)


def unit(place: Place) -> str:
    """Return the name of what is on one side as a whole."""
    return f"{place.conversation}/{place.run}" if place.run else place.conversation


def is_heldout(unit: str, share: float, borrowed: Iterable[str] = ()) -> bool:
    """Tell on which side a unit is."""
    return _lot(unit) < share or unit in borrowed


def _borrowed(prompts: Iterable[Prompt], share: float) -> list[str]:
    """Return the units to borrow, but for the last one: something must be left to practise.

    None where that wouldn't make enough.
    """
    asked = defaultdict[str, set[object]](set)
    for prompt in prompts:
        asked[unit(prompt.place)].add(prompt.asked)
    others = sorted((one for one in asked if not is_heldout(one, share)), key=_lot)
    practised = Counter(question for one in others for question in asked[one])
    kept = {question for one in asked for question in asked[one] if not practised[question]}
    borrowed: list[str] = []
    for one in others[:-1]:
        if len(kept) >= FEWEST:
            break
        borrowed.append(one)
        practised.subtract(asked[one])
        kept |= {question for question in asked[one] if not practised[question]}
    return borrowed if len(kept) >= FEWEST else []


def _lot(unit: str) -> float:
    """Return a number from 0 to 1 that hangs on a unit's id alone."""
    return int.from_bytes(hashlib.sha256(unit.encode()).digest()[:4], "big") / 2**32
