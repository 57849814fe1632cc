"""How long fitting the reward head takes once much is rated: python -m benchmarks.refit

Features are drawn by chance, in the number and size that the packaged model's are, and liked along
one direction; so the time is real and what is learnt is only a check. Knows no model and no database.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence

import torch

from training import reward_head
from training.form import FORMS
from training.kinds import KINDS
from training.ridge import Labels

FEATURES = 2 * 576 + len(KINDS) + len(FORMS)
CHECKED = 2_000
"""Answers that the head hasn't seen, by which it is checked."""


def main(argv: Sequence[str]) -> int:
    """Run as a command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.refit")
    parser.add_argument("--ratings", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(argv)
    torch.manual_seed(0)
    features = torch.randn(options.ratings + CHECKED, FEATURES)
    liked = (features[:, 0] + torch.randn(len(features)) > 0).float()
    seen, unseen = features.split([options.ratings, CHECKED])
    for _ in range(options.rounds):
        begun = time.monotonic()
        head = reward_head.fit(seen, _labels(liked[: options.ratings]), caution=0.5)
        seconds = time.monotonic() - begun
        right = ((head.mean(unseen) > 0.5) == (liked[options.ratings :] > 0.5)).float().mean()
        line = {"ratings": options.ratings, "seconds": round(seconds, 2), "right": float(right)}
        sys.stdout.write(json.dumps(line) + "\n")
    return 0


def _labels(liked: torch.Tensor) -> Labels:
    number = len(liked)
    return Labels(
        targets=liked,
        weights=torch.ones(number),
        rows=torch.arange(number),
        pairs=torch.zeros(0, 2, dtype=torch.long),
        pair_weights=torch.zeros(0),
        groups=[f"conversation {place // 4}" for place in range(number)],
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
