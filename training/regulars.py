"""Whether those who said a thing or two like what the regulars dislike.

A name costs nothing, so that many of them which said little may be one person's. Nobody can tell that
from what they said, nor who of the two speaks for the others: that is the owner's to decide.
Knows no policy and no cycle.
"""

from collections import Counter
from dataclasses import replace
from operator import attrgetter
from typing import Any

from training import reward_head
from training.calibration import CHANCE
from training.config import TrainingConfig
from training.feature_cache import FeatureCache
from training.fitting import alike_among, held, items_of, labels_of, units_of
from training.targets import Targets

COMES_BACK = 3
"""Opinions from which a rater is a regular."""
OUTVOTES = 0.25
"""What the others say must weigh so much beside the regulars' for the head to go by it."""
MOST = 4_096
"""Newest opinions of either that tell well enough what they like."""


def compare(cache: FeatureCache, found: Targets, config: TrainingConfig) -> dict[str, Any] | None:
    """Return how well a head of those who said more in all foretells the thumbs of the rest.

    None where there are too few of either to tell, or too few of the others to matter.
    """
    regular, passing = _sides(found)
    if passing.weight < OUTVOTES * regular.weight:
        return None
    few, many = (side.newest(MOST) for side in sorted((regular, passing), key=attrgetter("labels")))
    if few.labels < config.min_labels:
        return None
    items = items_of(many), items_of(few)
    seen, unseen = cache.glance([*items[0], *items[1]]).split([len(one) for one in items])
    labels = labels_of(many, alike_among(many.places))
    head = reward_head.fit(seen, labels, config.reward_caution, units_of(config))
    scores = head.mean(unseen[: len(few.rated)]).tolist()
    return held(few.rated, scores, attrgetter("rater")).as_json()


def opposed(compared: dict[str, Any] | None) -> str | None:
    """Return what to tell the owner where the two surely like the opposite."""
    if not compared or compared["high"] is None or compared["high"] >= CHANCE:
        return None
    return (
        f"Those who said less than {COMES_BACK} things like what the regulars dislike (AUC "
        f"{compared['auc']:.2f}, at most {compared['high']:.2f}): exclude either in the review, or "
        f"hear regulars alone, HITL_MIN_OF_RATER={COMES_BACK}."
    )


def _sides(found: Targets) -> tuple[Targets, Targets]:
    """Return what the regulars said, and what all others did."""
    spoken = replace(found, rated=found.said)
    said = Counter(place.rater for place in spoken.places)
    return spoken.parted(lambda place: said[place.rater] >= COMES_BACK)
