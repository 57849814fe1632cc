"""The tables. Feedback, signals and served versions are append-only: the newest row counts.

Ids of people, conversations and messages are random and say nothing; ids of feedback, signals
and cycles count upwards, so that a cycle can freeze "everything up to here".
"""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, ForeignKey, Index, MetaData, String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

BASE_VERSION = "base"
"""What a message carries when no adapter was active."""

NEVER_REUSED = {"sqlite_autoincrement": True}
"""Without it SQLite gives the id of a deleted newest row away again, below a cycle's mark."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time. SQLite forgets the zone, PostgreSQL gives its own; this puts UTC back.

    SQLite's are read as text: by SQLAlchemy's own type they took five times as long, and an export
    reads three for each rating.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[Any], datetime | None] | None:
        """Return what makes an aware time of what the database gives."""
        if dialect.name == "sqlite":
            return _from_text
        return super().result_processor(dialect, coltype)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the stored time as aware UTC."""
        del dialect
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def _from_text(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(f"{value}+00:00")


class Base(DeclarativeBase):
    """Names every constraint, so that migrations can find them on SQLite too."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it off the class
        str: Text,
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[str]: JSON,
        list[int]: JSON,
    }


def new_id() -> str:
    """Return a random id of 32 hex digits."""
    return uuid.uuid4().hex


def now() -> datetime:
    """Return the present as aware UTC."""
    return datetime.now(UTC)


class Rater(Base):
    """A person, known only by a signed id: random, or made from the account that they sign in with."""

    __tablename__ = "raters"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Consent(Base):
    """What a person agreed to from then on. Append-only; the newest row counts."""

    __tablename__ = "consents"
    __table_args__ = NEVER_REUSED

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    rater_id: Mapped[str] = mapped_column(ForeignKey("raters.id"), index=True)
    store: Mapped[bool]
    train: Mapped[bool]
    publish: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Erasure(Base):
    """Someone was erased. Their id says nothing any more, but an old backup may hold them."""

    __tablename__ = "erasures"
    __table_args__ = NEVER_REUSED

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    rater_id: Mapped[str] = mapped_column(String(32))  # no foreign key: the rater is gone
    cycles: Mapped[list[int]]  # those that had read them
    created_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]  # when the last trace outside the tables was gone


class Conversation(Base):
    """A tree of messages; `head_id` is the leaf that the person sees."""

    __tablename__ = "conversations"
    __table_args__ = (Index("ix_conversations_created_at_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    rater_id: Mapped[str] = mapped_column(ForeignKey("raters.id"), index=True)
    head_id: Mapped[str | None] = mapped_column(String(32))
    created_at: Mapped[datetime] = mapped_column(default=now)


class Message(Base):
    """One turn. Drafts of the same answer are siblings: they share `parent_id`."""

    __tablename__ = "messages"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"), index=True)
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("messages.id"), index=True)
    role: Mapped[str] = mapped_column(String(16))  # user | assistant
    text: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)

    # Answers only. A row is opened before the first token and closed when the stream ends.
    version: Mapped[str | None] = mapped_column(String(64))
    base: Mapped[str | None]
    engine: Mapped[str | None] = mapped_column(String(32))
    sampling: Mapped[dict[str, Any] | None]
    seed: Mapped[int | None]
    prompt_tokens: Mapped[int | None]
    completion_tokens: Mapped[int | None]
    first_token_ms: Mapped[float | None]
    duration_ms: Mapped[float | None]
    stop_reason: Mapped[str | None] = mapped_column(String(16))  # eos|length|stop|closed|error


class Feedback(Base):
    """What a person said about an answer on purpose. Append-only; the newest row counts.

    `kind` is one of
    - `rating`: `value` 1, -1, or 0 for taken back; `reasons` and `comment` belong to it;
    - `scores`: `scores` from 1 to 5 by criterion of a `guideline`; none for taken back;
    - `edit`: `text` is the answer the person wanted; none for taken back;
    - `choice`: `message_id` was chosen over `other_id`; `verdict` is better, tie or both_bad.
    """

    __tablename__ = "feedback"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    rater_id: Mapped[str] = mapped_column(ForeignKey("raters.id"))
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    value: Mapped[int | None]
    reasons: Mapped[list[str] | None]
    comment: Mapped[str | None]
    text: Mapped[str | None]
    other_id: Mapped[str | None] = mapped_column(ForeignKey("messages.id"), index=True)
    verdict: Mapped[str | None] = mapped_column(String(16))
    scores: Mapped[dict[str, Any] | None]
    guideline: Mapped[str | None] = mapped_column(String(32))
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        Index("ix_feedback_rater_id_message_id", "rater_id", "message_id"),
        Index("ix_feedback_kind_message_id", "kind", "message_id"),
        NEVER_REUSED,
    )


class Signal(Base):
    """What a person did that says something about an answer. Append-only, kept apart from feedback.

    `kind` is one of
    - regenerate, undo, leave: no `amount`;
    - stop, copy: `amount` in characters;
    - dwell_ms, follow_up: milliseconds looked at, and from the answer's end to the next message;
    - reach: share of the answer that came into view;
    - thank, complain, rephrase, resend: what the next message comes to, the latter two with the
      share of words that it has in common with the question.
    """

    __tablename__ = "signals"
    __table_args__ = NEVER_REUSED

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    rater_id: Mapped[str] = mapped_column(ForeignKey("raters.id"), index=True)
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id"), index=True)
    kind: Mapped[str] = mapped_column(String(32))
    amount: Mapped[float | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Beacon(Base):
    """A batch of browser signals that was taken in; its key makes a replay a no-op."""

    __tablename__ = "beacons"

    page: Mapped[str] = mapped_column(String(32), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    rater_id: Mapped[str] = mapped_column(ForeignKey("raters.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Review(Base):
    """What the owner decided about an answer. Append-only; the newest row of a kind counts.

    `kind` is one of
    - `exclusion`: `value` 1 leaves out all that was said and done about it, for a `reason`; 0 doesn't;
    - `gold`: what the owner thinks of it, `value` 1 or -1, or 0 for taken back.
    """

    __tablename__ = "reviews"
    __table_args__ = NEVER_REUSED

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    message_id: Mapped[str] = mapped_column(
        ForeignKey("messages.id", ondelete="CASCADE"), index=True
    )
    kind: Mapped[str] = mapped_column(String(16))
    value: Mapped[int]
    reason: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Cycle(Base):
    """One attempt to turn feedback into a better adapter, kept whatever came of it."""

    __tablename__ = "cycles"
    __table_args__ = NEVER_REUSED

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    status: Mapped[str] = mapped_column(String(16), index=True)
    # running | promoted | refused | skipped (too little feedback) | failed | interrupted
    phase: Mapped[str] = mapped_column(String(16))  # mark|targets|fit|update|gate|publish|done
    progress: Mapped[float] = mapped_column(default=0.0)  # of the phase, 0..1
    detail: Mapped[str] = mapped_column(default="")
    mark: Mapped[int]  # the last feedback id that this cycle may see
    version: Mapped[str | None] = mapped_column(String(64))
    counts: Mapped[dict[str, Any] | None]
    reward: Mapped[dict[str, Any] | None]
    ppo: Mapped[dict[str, Any] | None]
    verdict: Mapped[dict[str, Any] | None]
    error: Mapped[str | None]
    started_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]


class Adapter(Base):
    """A published adapter version; its files lie in the adapters folder under its name."""

    __tablename__ = "adapters"

    version: Mapped[str] = mapped_column(String(64), primary_key=True)
    parent: Mapped[str] = mapped_column(String(64))
    base: Mapped[str]
    cycle_id: Mapped[int | None] = mapped_column(ForeignKey("cycles.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)


class Serving(Base):
    """Which version serves from when on, and why. Append-only; the newest row is what serves."""

    __tablename__ = "serving"
    __table_args__ = NEVER_REUSED

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    version: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)
