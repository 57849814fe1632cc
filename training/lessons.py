"""What a cycle learns from, and what it asks to check that: read once, as it stood when it began.

Knows no model, nor what becomes of it.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from storage import transcripts
from storage.transcripts import Transcript
from training import everyday, examples, implicit, targets
from training.config import TrainingConfig
from training.prompts import Turn
from training.split import Split
from training.targets import Targets, TooLittle
from training.wins import FEWEST


def learnable(
    session: Session, mark: int, signal: int, fewest: int = 1
) -> tuple[Targets, dict[str, Any]]:
    """Return the targets of what was said up to `mark`, and the figures of what was done by then.

    What was done, up to a signal, has targets too once it is trusted. With both ids, which the
    journal keeps, the same comes out again later, unless the owner has excluded or restored some.
    Raters who said less than the `fewest` aren't heard.
    """
    if not signal:
        said = _frozen(transcripts.read_rated(session), mark, signal)
        return targets.build(said, fewest=fewest), {}
    told = implicit.learn(_frozen(transcripts.read_noted(session), mark, signal))
    read = transcripts.read_noted if told.labels else transcripts.read_rated
    found = targets.build(_frozen(read(session), mark, signal), told.labels, fewest)
    return found, {"implicit": told.as_json() | {"signal": signal}}


def _frozen(found: Iterable[Transcript], mark: int, signal: int) -> Iterator[Transcript]:
    """Leave out what was said after `mark` and done after `signal`."""
    for transcript in found:
        said = [f for f in transcript.feedback if f.id <= mark]
        done = [d for d in transcript.signals if d.id <= signal]
        yield replace(transcript, feedback=said, signals=done)


def counts(sides: Split, checked: Sequence[list[Turn]]) -> dict[str, Any]:
    """Return how much there is to learn from, and what it is `checked` by."""
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
        "everyday": len({turns[-1]["content"] for turns in checked} & set(everyday.QUESTIONS)),
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


def questions(sides: Split, config: TrainingConfig) -> list[list[Turn]]:
    """Return the prompts of the gate: some that are held out, or each as often as fills the number.

    Everyday ones make up for it while people's own are few. The seed says which; where it goes with
    the cycle, no candidate is chosen by another's questions.
    """
    chance = random.Random(config.seed)  # noqa: S311 - no secret
    found = [p.turns for p in sides.heldout.prompts]
    chance.shuffle(found)
    different = {p.asked for p in sides.heldout.prompts}
    found += _everyday(sides, config.gate_questions - len(different), chance)
    return [found[i % len(found)] for i in range(config.gate_prompts)]


def _everyday(sides: Split, number: int, chance: random.Random) -> list[list[Turn]]:
    """Return so many everyday questions, none that is practised, and none where people ask otherwise."""
    asked = [p.turns[-1]["content"] for p in sides.train.prompts + sides.heldout.prompts]
    if number <= 0 or not everyday.suits(asked):
        return []
    spare = [question for question in everyday.QUESTIONS if question not in asked]
    return [[{"role": "user", "content": q}] for q in chance.sample(spare, min(number, len(spare)))]
