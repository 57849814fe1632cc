"""What a page or the model sees of stored rows. Only reads; checks no ownership."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hitl_chat import trial
from hitl_chat.engines.protocol import Turn
from storage import adapters, conversations, feedback
from storage.models import Conversation, Cycle, Feedback, Message


@dataclass(frozen=True)
class Shown:
    """One message as the page shows it.

    `text` is the newest edit, if there is one, and `given` what the model had said. `drafts` are the
    ids of all answers to the same question, oldest first; `draft_index` is this one's place among
    them. `said` is what stands beside thumb and edit: `reasons` and `comment`, `scores` by a `guideline`.
    """

    message: str
    role: str
    text: str
    version: str | None
    rating: int
    drafts: tuple[str, ...]
    draft_index: int
    edited: bool
    given: str
    stop_reason: str | None
    stored: bool = True
    said: dict[str, Any] = field(default_factory=dict)


def shown(session: Session, conversation: Conversation) -> list[Shown]:
    """Return the branch that the conversation's head ends."""
    branch = conversations.branch(session, conversation)
    ids = [message.id for message in branch]
    ratings = feedback.current_ratings(session, ids)
    scores = feedback.current_scores(session, ids)
    edits = _edits(session, ids)
    rows = []
    for message in branch:
        drafts = [message]
        if message.role == "assistant":
            drafts = conversations.drafts(session, message)
        place = [draft.id for draft in drafts].index(message.id)
        rating = ratings.get(message.id)
        rows.append(
            Shown(
                message=message.id,
                role=message.role,
                text=edits.get(message.id, message.text),
                version=message.version,
                rating=(rating.value or 0) if rating else 0,
                drafts=tuple(draft.id for draft in drafts),
                draft_index=place,
                edited=message.id in edits,
                given=message.text,
                stop_reason=message.stop_reason,
                said=_said(rating, scores.get(message.id)),
            )
        )
    return rows


def _said(rating: Feedback | None, scored: Feedback | None) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if rating:
        said |= {"reasons": rating.reasons or [], "comment": rating.comment or ""}
    if scored:
        said |= {"guideline": scored.guideline, "scores": scored.scores}
    return said


def turns(session: Session, question: Message) -> list[Turn]:
    """Return the conversation up to `question` as the person sees it, edits included.

    Turns of one side that follow each other become one: many chat templates insist on that.
    """
    path = conversations.path(session, question)
    edits = _edits(session, [message.id for message in path])
    return merged((message.role, edits.get(message.id, message.text)) for message in path)


def merged(said: Iterable[tuple[str, str]]) -> list[Turn]:
    """Return roles and texts as turns; those of one side that follow each other become one."""
    merged: list[Turn] = []
    for role, text in said:
        if merged and merged[-1]["role"] == role:
            merged[-1]["content"] += f"\n\n{text}"
        else:
            merged.append({"role": role, "content": text})
    return merged


def newest_leaf(session: Session, message: Message) -> str:
    """Return the id of the end of the newest branch under `message`."""
    rows = session.execute(
        select(Message.id, Message.parent_id)
        .where(Message.conversation_id == message.conversation_id)
        .order_by(Message.created_at)
    )
    newest_child = {parent: child for child, parent in rows}
    leaf = message.id
    while leaf in newest_child:
        leaf = newest_child[leaf]
    return leaf


def standing(session: Session) -> trial.Standing | None:
    """Return how the trial of the version that serves stands, if it is on trial."""
    running = adapters.on_trial(session)
    if running is None:
        return None
    mine = feedback.opinions(session, running.version, running.since)
    return trial.standing(running, mine, feedback.opinions(session, running.against))


def serving(session: Session) -> dict[str, Any] | None:
    """Return since when and why what serves does, as plain values; None for the base at first."""
    for newest in adapters.history(session, 1):
        since = newest.created_at.isoformat()
        return {"version": newest.version, "since": since, "reason": newest.reason}
    return None


def finished(cycle: Cycle) -> dict[str, Any]:
    """Return a finished cycle as plain values."""
    return {
        "id": cycle.id,
        "status": cycle.status,
        "version": cycle.version,
        "verdict": cycle.verdict,
        "counts": cycle.counts,
        "reward": cycle.reward,
        "ppo": cycle.ppo,
        "error": cycle.error,
        "finished_at": cycle.finished_at.isoformat() if cycle.finished_at else None,
    }


def progress(cycle: Cycle) -> dict[str, Any]:
    """Return where a running cycle stands as plain values."""
    return {
        "id": cycle.id,
        "phase": cycle.phase,
        "progress": cycle.progress,
        "detail": cycle.detail,
    }


def _edits(session: Session, ids: Sequence[str]) -> dict[str, str]:
    """Return the newest edit of each message that has one; one taken back is none."""
    rows = session.execute(
        select(Feedback.message_id, Feedback.text)
        .where(Feedback.kind == "edit", Feedback.message_id.in_(ids))
        .order_by(Feedback.id)
    )
    newest = dict(rows.all())
    return {message: text for message, text in newest.items() if text is not None}
