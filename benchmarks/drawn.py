"""Adapters drawn at random, published as the trainer would; what they say is of no interest.

python -m benchmarks.drawn 2   publish two into HITL_DATA_DIR, let the first serve, print versions

A process of its own, so that whoever measures needs no torch. Knows no feedback.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing

import torch
from sqlalchemy.orm import Session

from storage import adapters
from storage.database import Database
from storage.home import Home
from storage.models import BASE_VERSION
from training.adapters import publish
from training.base import Base, load_base
from training.config import TrainingConfig
from training.gguf import wanted
from training.policy import Policy

SPREAD = 0.02
"""Of LoRA's B: changes words, but not the length or the sense of answers much."""


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Publish as many as asked for, in the shape that training gives them."""
    home = Home.from_env(env)
    home.prepare()
    base = load_base(wanted(env), home)
    config = TrainingConfig.from_env(env)
    versions = [_draw(base, home, config, place) for place in range(1, int(argv[0]) + 1)]

    def work(session: Session) -> None:
        for version in versions:
            adapters.add(session, version, BASE_VERSION, base.name, None)
        adapters.serve(session, versions[0], "drawn at random for a benchmark")

    with closing(Database.open(home)) as database:
        database.write(work)
    sys.stdout.write(json.dumps(versions) + "\n")
    return 0


def _draw(base: Base, home: Home, config: TrainingConfig, place: int) -> str:
    torch.manual_seed(place)
    policy = Policy(base, config)
    with torch.no_grad():
        for name, weight in policy.peft.named_parameters():
            if ".lora_B." in name:
                weight.normal_(std=SPREAD)
    version = publish(policy.peft, home.adapters, BASE_VERSION, base, place)
    policy.close()
    return version


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
