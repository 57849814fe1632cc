"""What a cycle learns from, and what it asks to check that: read once, as it stood when it began.

Knows no model, nor what becomes of it.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from storage import transcripts
from storage.transcripts import Transcript
from training import examples, implicit, targets
from training.config import TrainingConfig
from training.prompts import Turn
from training.split import Split
from training.targets import Targets, TooLittle
from training.wins import FEWEST


def learnable(session: Session, mark: int, signal: int) -> tuple[Targets, dict[str, Any]]:
    """Return the targets of what was said up to `mark`, and the figures of what was done by then.

    What was done, up to a signal, has targets too once it is trusted. With both ids, which the
    journal keeps, the same comes out again later, unless the owner has excluded or restored some.
    """
    if not signal:
        return targets.build(_frozen(transcripts.read_rated(session), mark, signal)), {}
    told = implicit.learn(_frozen(transcripts.read_noted(session), mark, signal))
    read = transcripts.read_noted if told.labels else transcripts.read_rated
    found = targets.build(_frozen(read(session), mark, signal), told.labels)
    return found, {"implicit": told.as_json() | {"signal": signal}}


def _frozen(found: Iterable[Transcript], mark: int, signal: int) -> Iterator[Transcript]:
    """Leave out what was said after `mark` and done after `signal`."""
    for transcript in found:
        said = [f for f in transcript.feedback if f.id <= mark]
        done = [d for d in transcript.signals if d.id <= signal]
        yield replace(transcript, feedback=said, signals=done)


def counts(sides: Split) -> dict[str, Any]:
    """Return how much there is to learn from, and to check it by."""
    train, heldout = sides.train, sides.heldout
    return {
        "train": {
            "ratings": len(train.said),
            "pairs": len(train.pairs),
            "implicit": len(train.rated) - len(train.said),
        },
        "heldout": {"ratings": len(heldout.said), "pairs": len(heldout.pairs)},
        "prompts": len(train.prompts),
        "heldout_prompts": len(heldout.prompts),
        "borrowed": sides.borrowed,
    }


def check_enough(sides: Split, config: TrainingConfig) -> None:
    """Check that something can be learned, and checked.

    Raises:
        TooLittle: with what is missing.
    """
    train, questions = sides.train, len({p.asked for p in sides.heldout.prompts})
    if train.labels < config.min_labels:
        raise TooLittle(f"{train.labels} labels to learn from; {config.min_labels} are needed.")
    kinds = {r.target >= 0.5 for r in train.rated}
    if len(kinds) < 2 and not train.pairs:
        raise TooLittle("All ratings say the same; the reward head needs likes and dislikes.")
    if questions < FEWEST:
        raise TooLittle(f"{questions} questions to check by; {FEWEST} are needed.")
    examples.check(train, config.update)


def questions(heldout: Targets, config: TrainingConfig) -> list[list[Turn]]:
    """Return the prompts of the gate: some that are held out, or each as often as fills the number.

    The seed says which; where it goes with the cycle, no candidate is chosen by another's questions.
    """
    found = [p.turns for p in heldout.prompts]
    random.Random(config.seed).shuffle(found)  # noqa: S311 - no secret
    return [found[i % len(found)] for i in range(config.gate_prompts)]
