"""Writes chats with ratings straight into storage: answers with many vowels are liked."""

import random

from sqlalchemy.orm import Session

from storage import conversations, feedback
from storage.database import Database
from storage.models import BASE_VERSION, Conversation

LETTERS = "abcdefghijklmnopqrstuvwxyz "


def rate_answers(database: Database, number: int, *, seed: int = 0, turned: bool = False) -> None:
    """Let one person ask `number` questions and rate each answer, or give it the opposite."""
    chance = random.Random(seed)
    rater = database.write(lambda s: conversations.add_rater(s).id)
    for turn in range(number):
        text = "".join(chance.choice(LETTERS) for _ in range(7))
        liked = turn % 2 == 0
        answer = ("aeiou" if liked else "xzqkw") + text[:3]
        # Ids are fixed, so that the split is the same in every run.
        conversation = f"{seed:02}-{turn:03}"
        _rate_one(database, rater, conversation, answer, 1 if liked != turned else -1)


def _rate_one(database: Database, rater: str, name: str, answer: str, value: int) -> None:
    def ask(s: Session) -> str:
        conversation = Conversation(id=name, rater_id=rater)
        s.add(conversation)
        asked = conversations.say(s, conversation, f"question {name}")
        return conversations.open_answer(
            s, conversation, asked, version=BASE_VERSION, base="tiny", engine="test", sampling={}, seed=0
        ).id  # fmt: skip

    message = database.write(ask)

    def close(s: Session) -> None:
        conversations.close_answer(
            s, message, text=answer, stop_reason="eos", prompt_tokens=1, completion_tokens=8,
            first_token_ms=1.0, duration_ms=1.0,
        )  # fmt: skip
        feedback.rate(s, rater, message, value)

    database.write(close)
