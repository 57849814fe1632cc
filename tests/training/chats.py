"""Conversations by hand, as storage would give them."""

from datetime import UTC, datetime, timedelta

from storage.models import Feedback, Message, Signal
from storage.transcripts import Transcript
from training.targets import Targets, build

START = datetime(2026, 1, 1, tzinfo=UTC)


class Chat:
    """Rows of one conversation, as storage would give them."""

    def __init__(self, name: str = "c", rater: str = "r") -> None:
        self.name = name
        self.rater = rater
        self.messages: list[Message] = []
        self.feedback: list[Feedback] = []
        self.signals: list[Signal] = []

    def say(self, key: str, parent: str | None, text: str, *, role: str = "assistant") -> str:
        mid = f"{self.name}-{key}"
        self.messages.append(
            Message(
                id=mid,
                conversation_id=self.name,
                parent_id=parent,
                role=role,
                text=text,
                stop_reason="eos" if role == "assistant" else None,
                created_at=START + timedelta(seconds=len(self.messages)),
            )
        )
        return mid

    def question(self, key: str = "q", parent: str | None = None, text: str = "why?") -> str:
        return self.say(key, parent, text, role="user")

    def feed(self, kind: str, mid: str, **values: object) -> None:
        row = Feedback(
            id=len(self.feedback) + 1,
            rater_id=self.rater,
            message_id=mid,
            kind=kind,
            created_at=START + timedelta(hours=1),
            **values,
        )
        self.feedback.append(row)

    def do(self, kind: str, mid: str, amount: float | None = None) -> None:
        row = Signal(
            id=len(self.signals) + 1,
            rater_id=self.rater,
            message_id=mid,
            kind=kind,
            amount=amount,
        )
        self.signals.append(row)

    def answered(self, text: str, **signals: float) -> str:
        """Ask what nobody else does, get an answer, and do these things with it."""
        place = len(self.messages)
        asked = self.question(f"q{place}", text=f"why {self.name}{place}?")
        mid = self.say(f"a{place}", asked, text)
        for kind, amount in signals.items():
            self.do(kind, mid, amount)
        return mid

    def transcript(self) -> Transcript:
        messages = {m.id: m for m in self.messages}
        return Transcript(self.name, messages, self.feedback, self.signals)

    def targets(self) -> Targets:
        return build([self.transcript()])
