"""A long history made up: conversations, ratings, versions, trainings. Knows no page and no model.

Rows go straight into the tables, for through the service they would take hours; each is as the
service and a cycle write it.
"""

import random
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from storage import adapters, cycles, reviews
from storage.models import BASE_VERSION, Conversation, Feedback, Message, Rater, new_id, now
from training.calibration import Foretold, calibrate
from training.slices import Scored, compare

TURNS = 5
"""Questions in one conversation, each with its answer."""
PEOPLE = 400
VERSIONS = 24
DAYS = 45
JUDGED = 200
"""Answers that the owner rated too."""
UPDATES = 6
HELDOUT = 400
COMMENTS = ("", "", "", "Too vague", "Wrong year", "Just what I asked for")
ASKED = ("Why is a {} round?", "How does a {} work?", "Write a poem on a {}.", "What is a {}?")
THINGS = ("river", "clock", "garden", "motor", "letter", "planet", "bridge", "recipe", "storm")
REFUSAL = "Held-out reward: wins 47% of 96 answers to 48 questions (surely 35%; above 50% is needed) against the served version, 0.410 to 0.400."

Row = dict[str, Any]


def fill(s: Session, messages: int, ratings: int) -> None:
    """Put so many messages and ratings into an empty database, with trainings behind them."""
    chance = random.Random(0)
    versions = [BASE_VERSION, *(f"v{number:06}-{number:08x}" for number in range(1, VERSIONS))]
    people = [new_id() for _ in range(PEOPLE)]
    s.execute(insert(Rater), [{"id": one, "created_at": now()} for one in people])
    answers: list[Row] = []
    for start in range(0, messages, 2 * TURNS):
        when = now() - timedelta(days=DAYS * (1 - start / messages))
        version = versions[VERSIONS * start // messages]
        answers += _conversation(s, chance, chance.choice(people), version, when)
    rated = sorted(chance.sample(range(len(answers)), min(ratings, len(answers))))
    opinions = [_opinion(chance, answers[place]) for place in rated]
    s.execute(insert(Feedback), opinions)
    for opinion in opinions[:: max(1, len(opinions) // JUDGED)]:
        own = opinion["value"] if chance.random() < 0.8 else -opinion["value"]
        reviews.judge(s, opinion["message_id"], own)
    for parent, version in pairwise(versions):
        _training(s, chance, parent, version)


def _conversation(
    s: Session, chance: random.Random, rater: str, version: str, when: datetime
) -> list[Row]:
    """Store one and return its answers, each with its `rater`."""
    conversation, head = new_id(), None
    rows: list[Row] = []
    for turn in range(2 * TURNS):
        asked = turn % 2 == 0
        row = {
            "id": new_id(),
            "conversation_id": conversation,
            "parent_id": head,
            "role": "user" if asked else "assistant",
            "text": _question(chance) if asked else _answer(chance),
            "created_at": when + timedelta(seconds=20 * turn),
            "version": None if asked else version,
            "stop_reason": None if asked else "eos",
        }
        head = row["id"]
        rows.append(row)
    s.execute(
        insert(Conversation),
        [{"id": conversation, "rater_id": rater, "head_id": head, "created_at": when}],
    )
    s.execute(insert(Message), rows)
    return [{**row, "rater": rater} for row in rows[1::2]]


def _opinion(chance: random.Random, answer: Row) -> Row:
    newness = 0 if answer["version"] == BASE_VERSION else int(answer["version"][1:7])
    likes = 0.4 + 0.4 * newness / VERSIONS
    return {
        "rater_id": answer["rater"],
        "message_id": answer["id"],
        "kind": "rating",
        "value": 1 if chance.random() < likes else -1,
        "reasons": [],
        "comment": chance.choice(COMMENTS),
        "created_at": answer["created_at"] + timedelta(seconds=30),
    }


def _training(s: Session, chance: random.Random, parent: str, version: str) -> None:
    """Store a training that was refused and the next one, which made this version."""
    refused = cycles.open_cycle(s, 0)
    verdict = {"promote": False, "reasons": [REFUSAL]}
    figures = {"reward": _reward(chance), "ppo": _ppo(chance), "counts": _counts(chance)}
    cycles.close(s, refused.id, "refused", verdict=verdict, **figures)
    made = cycles.open_cycle(s, 0)
    adapters.add(s, version, parent, "smollm2", made.id)
    figures = {"reward": _reward(chance), "ppo": _ppo(chance), "counts": _counts(chance)}
    cycles.close(s, made.id, "promoted", version=version, **figures)
    adapters.serve(s, version, f"promoted by cycle {made.id}")


def _reward(chance: random.Random) -> Row:
    scores = [chance.random() for _ in range(HELDOUT)]
    liked = [chance.random() < 0.2 + 0.6 * score for score in scores]
    told = [
        Foretold(x, x, like, str(i)) for i, (x, like) in enumerate(zip(scores, liked, strict=True))
    ]
    kinds = [
        Scored(_question(chance), _answer(chance), score, like)
        for score, like in zip(scores, liked, strict=True)
    ]
    right = sum((score >= 0.5) == like for score, like in zip(scores, liked, strict=True))
    calibration = calibrate(told)
    return {
        "ratings": HELDOUT,
        "accuracy": right / HELDOUT,
        "precision": right / HELDOUT,
        "recall": right / HELDOUT,
        "f1": right / HELDOUT,
        "auc": calibration.auc,
        "leading": {"addressing": 1.63, "question": 0.41, "formal": -0.2},
        "calibration": calibration.as_json(),
        "slices": compare(kinds),
    }


def _ppo(chance: random.Random) -> Row:
    def drawn(update: int) -> Row:
        return {
            "score": 0.4 + 0.02 * update + chance.gauss(0, 0.01),
            "kl": 0.02 * update + chance.random() / 100,
            "surprise": 1.8 + chance.random() / 10,
            "clipfrac": 0.05 + chance.random() / 10,
            "entropy": 1.9 - 0.05 * update + chance.random() / 20,
            "value_loss": 0.3 / update + chance.random() / 50,
        }

    history = [drawn(update) for update in range(1, UPDATES + 1)]
    strayed = {"score": 0.55, "missed": ["Distinct bigrams are 0.90x; at least 0.924."]}
    exams = [strayed, *({"score": one["score"], "missed": list[str]()} for one in history[1::2])]
    return {
        "updates": UPDATES,
        "stopped": "all updates done",
        "tilting": [[0.3, 0.1]],
        "exams": exams,
        "history": history,
    }


def _counts(chance: random.Random) -> Row:
    told = [
        Foretold(score, score, chance.random() < 0.3 + 0.4 * score, str(place))
        for place, score in enumerate(chance.random() for _ in range(HELDOUT))
    ]
    return {"prompts": HELDOUT, "implicit": calibrate(told).as_json()}


def _question(chance: random.Random) -> str:
    return chance.choice(ASKED).format(chance.choice(THINGS))


def _answer(chance: random.Random) -> str:
    return " ".join(chance.choices(THINGS, k=chance.choice((12, 40, 80, 150))))
