"""How one rater differs from the others: what a head of everyone else's ratings makes of theirs.

python -m training.rater --rater ID

prints one JSON line. A process of its own, since the chat has no torch: a head is fitted to what all
the others said, and moved by this rater's own ratings (`training.personal`). Nothing is kept of it.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from operator import attrgetter
from typing import Any

import torch
from sqlalchemy.orm import Session
from torch import Tensor

from storage import conversations, feedback
from storage.database import Database
from storage.home import Home
from training import reward_head
from training.base import load_base, quick_dtype
from training.config import TrainingConfig
from training.explain import MENDABLE
from training.feature_cache import FeatureCache
from training.fitting import alike_among, held, items_of, labels_of, units_of
from training.gguf import wanted
from training.lessons import learnable
from training.personal import adapt
from training.policy import Policy
from training.process import stand_back
from training.targets import Targets, TooLittle

MOST = 4_096
"""Newest opinions of the others, which tell what they like well enough."""
LEAST = 0.01
"""A change of a logit that is worth telling."""


def differ(cache: FeatureCache, theirs: Targets, others: Targets, config: TrainingConfig) -> Any:  # noqa: ANN401 - JSON
    """Return how well their ratings are foretold, as plain values.

    `shared` is the head of all the others; `own` the same moved by this rater's ratings, held against
    those that it wasn't moved by. `apart` holds the kinds of tokens that set them apart: by how much
    a usual change moves a logit beyond what it does for others.
    """
    others, theirs = others.newest(MOST), replace(theirs, rated=theirs.said)
    inside, outside = items_of(others), items_of(theirs)
    seen, unseen = cache.glance([*inside, *outside]).split([len(inside), len(outside)])
    alike = alike_among(theirs.places)
    labels, own = labels_of(others, alike_among(others.places)), labels_of(theirs, alike)
    shared = reward_head.fit(seen, labels, config.reward_caution, units_of(config))
    personal = adapt(shared, unseen, own)
    rows, apart = own.rows.tolist(), reward_head.leading(personal.moved_F[:, None])
    return {
        "ratings": len(theirs.said),
        "others": len(others.said),
        "shared": _held(theirs, shared.mean(unseen[own.rows])),
        "own": _held(theirs, personal.unseen_N[rows]),
        "apart": {kind: worth for kind, worth in apart.items() if abs(worth) >= LEAST},
    }


def _held(theirs: Targets, scores_N: Tensor) -> dict[str, Any]:
    return held(theirs.rated, scores_N.tolist(), attrgetter("question")).as_json()


def check(theirs: Targets, others: Targets, fewest: int) -> None:
    """Check that both said enough.

    Raises:
        TooLittle: with whose words are missing.
    """
    for whose, targets in (("This rater", theirs), ("All the others together", others)):
        said = len(targets.said) + len(targets.pairs)
        if said < fewest:
            raise TooLittle(f"{whose} said {said} things; {fewest} are needed.")


def read(session: Session, rater: str) -> tuple[Targets, Targets]:
    """Return what this rater said that may be learnt from, and what the others did.

    Raises:
        TooLittle: there is no such rater.
    """
    known = set(conversations.of(session, rater))
    if not known:
        raise TooLittle(f"There is no rater '{rater}' with a conversation.")
    found, _ = learnable(session, feedback.mark(session), feedback.last_signal(session))
    return found.parted(lambda place: place.conversation in known)


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Compare one rater with the others; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training.rater", description="How one rater differs from all the others."
    )
    parser.add_argument("--rater", required=True, metavar="ID", help="the rater's id")
    options = parser.parse_args(argv)
    try:
        config, home = TrainingConfig.from_env(env), Home.from_env(env)
        with closing(Database.existing(home)) as database, database.read() as session:
            theirs, others = read(session, options.rater)
        check(theirs, others, config.min_labels)
        base = load_base(wanted(env), home, quick_dtype())
        torch.manual_seed(config.seed)
        with closing(Policy(base, config)) as policy:
            cache = FeatureCache(home.features, policy, config)
            told = differ(cache, theirs, others, config)
    except (*MENDABLE, TooLittle) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(json.dumps({"rater": options.rater} | told) + "\n")
    return 0


if __name__ == "__main__":
    stand_back()
    torch.set_num_threads(1)  # the others belong to chat
    sys.exit(main(sys.argv[1:], os.environ))
