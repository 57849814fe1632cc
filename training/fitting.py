"""From targets to a reward head with its figures. Knows no policy and no cycle."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import torch

from training import rankings, reward_head, slices
from training.calibration import Calibration, Foretold, calibrate
from training.chance import chance
from training.config import TrainingConfig
from training.feature_cache import FeatureCache, Item
from training.hidden import UNITS
from training.ridge import Labels
from training.targets import Place, Rated, Targets

ENOUGH_HELDOUT = 5
"""Liked and disliked held-out answers below which the head's AUC says nothing."""
FEW = 5
"""Conversations below which questions stand for them: one long chat would foretell only itself."""
DISPUTED = 0.25
"""Share of the answers spoken of that count as disputed: those that members differ most about."""


def fit(
    cache: FeatureCache, train: Targets, heldout: Targets, config: TrainingConfig
) -> tuple[reward_head.RewardHead, dict[str, Any]]:
    """Fit a head on everything said, after one without the held-out part has shown its figures.

    Held-out prompts are never practised, but few ratings are too dear to leave any out: the gate
    asks whether the policy does better on new questions, not whether the head is right.
    """
    inside, outside = items_of(train), items_of(heldout)
    features = cache.features([*inside, *outside])
    seen, unseen = features.split([len(inside), len(outside)])
    alike = alike_among([*train.places, *heldout.places])
    labels, kept_back = labels_of(train, alike), labels_of(heldout, alike)
    terms = config.reward_caution, units_of(config)
    head = reward_head.fit(seen, labels, *terms)
    metrics: dict[str, Any] = dict.fromkeys(("accuracy", "precision", "recall", "f1", "auc"))
    if heldout.labels:
        metrics |= rankings.evaluate(head.mean, unseen, kept_back)
        metrics |= _beside(heldout.rated, head.mean(unseen[kept_back.rows]).tolist())
        labels = labels.followed_by(kept_back)
        head = reward_head.fit(features, labels, *terms)
    liked = sum(r.target >= 0.5 for r in heldout.rated)
    metrics["trusted"] = min(liked, len(heldout.rated) - liked) >= ENOUGH_HELDOUT
    metrics |= {"penalty": head.penalty, "wanted": list(head.wanted)}
    metrics["steepness"] = reward_head.steepness(head, features)
    metrics["leading"] = reward_head.leading(head.usual_FK)
    metrics["chance"] = chance(head, features, labels)
    doubts = reward_head.spread_by_words(head, features)
    metrics["disputed"] = float(doubts.quantile(1 - DISPUTED))
    return head, metrics


def _beside(rated: list[Rated], scores: list[float]) -> dict[str, Any]:
    """Return how scores stand beside likes: by their height, and by the kind of answer."""
    scored = [
        slices.Scored(one.turns[-1]["content"], one.answer.text, score, one.target >= 0.5)
        for one, score in zip(rated, scores, strict=True)
    ]
    told = held(rated, scores, attrgetter("conversation"))
    return {"calibration": told.as_json(), "slices": slices.compare(scored)}


def held(
    rated: Sequence[Rated], scores: Sequence[float], unit: Callable[[Place], str]
) -> Calibration:
    """Hold scores against the ratings that they foretell; answers of one `unit` aren't independent."""
    return calibrate(
        [
            Foretold(score, score, one.target >= 0.5, unit(one.place))
            for one, score in zip(rated, scores, strict=True)
        ]
    )


def units_of(config: TrainingConfig) -> int:
    """Return how many hidden units each member of the head has."""
    return UNITS if config.reward_head == "mlp" else 0


def items_of(found: Targets) -> list[Item]:
    """Return the answers that something was said of: rated ones, then both of each pair."""
    items = [(r.turns, r.answer) for r in found.rated]
    items += [(p.turns, answer) for p in found.pairs for answer in (p.chosen, p.rejected)]
    return items


def alike_among(places: list[Place]) -> Callable[[Place], str]:
    """Return what tells which answers say little of each other's worth that is news."""
    few = len({place.conversation for place in places}) < FEW
    return attrgetter("question" if few else "conversation")


def labels_of(found: Targets, alike: Callable[[Place], str]) -> Labels:
    """Return what was said of `items_of`, in groups of answers that are `alike`."""
    first = len(found.rated)
    pairs = [(first + 2 * i, first + 2 * i + 1) for i in range(len(found.pairs))]
    groups = [alike(r.place) for r in found.rated]
    groups += [alike(p.place) for p in found.pairs for _ in range(2)]
    return Labels(
        targets=torch.tensor([r.target for r in found.rated]),
        weights=torch.tensor([r.weight for r in found.rated]),
        rows=torch.arange(first),
        pairs=torch.tensor(pairs, dtype=torch.long).reshape(-1, 2),
        pair_weights=torch.tensor([p.weight for p in found.pairs]),
        groups=groups,
    )
