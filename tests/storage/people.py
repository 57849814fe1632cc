"""A person of tests, who asks, is answered and says what they think. Uses the real database."""

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from storage import conversations, feedback
from storage.database import Database
from storage.models import Conversation, Message


class Person:
    """A rater with one open conversation."""

    def __init__(self, database: Database) -> None:
        self.database = database

        def work(s: Session) -> tuple[str, Conversation]:
            rater = conversations.add_rater(s).id
            return rater, conversations.start(s, rater)

        self.id, self.conversation = database.write(work)

    def say(self, text: str) -> Message:
        return self.database.write(lambda s: conversations.say(s, self.conversation, text))

    def answer(
        self, question: Message, text: str, *, close: bool = True, version: str = "base"
    ) -> Message:
        """Answer a question; a second answer is another draft."""

        def work(s: Session) -> Message:
            opened = conversations.open_answer(
                s,
                self.conversation,
                question,
                version=version,
                base="tiny",
                engine="none",
                sampling={"temperature": 0.7},
                seed=7,
            )
            if close:
                conversations.close_answer(
                    s,
                    opened.id,
                    text=text,
                    stop_reason="eos",
                    prompt_tokens=3,
                    completion_tokens=4,
                    first_token_ms=5.0,
                    duration_ms=6.5,
                )
            return opened

        return self.database.write(work)

    def ask(self, text: str, *answers: str) -> list[Message]:
        """Say something and get these drafts as answers."""
        question = self.say(text)
        return [self.answer(question, answer) for answer in answers]

    def rate(
        self, message: Message, value: int, reasons: Sequence[str] = (), comment: str = ""
    ) -> int:
        return self.database.write(
            lambda s: feedback.rate(s, self.id, message.id, value, reasons, comment).id
        )

    def score(self, message: Message, guideline: str, scores: Mapping[str, int]) -> None:
        self.database.write(lambda s: feedback.score(s, self.id, message.id, guideline, scores))

    def edit(self, message: Message, text: str) -> int:
        return self.database.write(lambda s: feedback.edit(s, self.id, message.id, text).id)

    def choose(self, chosen: Message, rejected: Message, verdict: str = "better") -> int:
        return self.database.write(
            lambda s: feedback.choose(s, self.id, chosen.id, rejected.id, verdict).id
        )
