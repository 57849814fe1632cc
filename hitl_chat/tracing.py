"""What a rating did: the example it became, the cycle it went into, and what came of that.

Only reads; checks no ownership. The example is told as `training.targets` makes it, before the
weights of people who say much are cut.
"""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hitl_chat import markup
from storage import adapters, conversations, cycles, transcripts
from storage.models import Cycle, Feedback, Message
from training.split import is_heldout, unit
from training.targets import place


def trace(session: Session, message: Message, heldout_share: float) -> dict[str, Any]:
    """Return as plain values what became of the newest thing that was said about an answer.

    `said` is None where nothing was; `cycle` is None until one has learned from it. An answer is there as
    its `text`, and `formed` as its Markdown says (`hitl_chat.markup`).
    """
    said = session.scalar(
        select(Feedback)
        .where((Feedback.message_id == message.id) | (Feedback.other_id == message.id))
        .order_by(Feedback.id.desc())
        .limit(1)
    )
    cycle = _learned(session, said.id) if said else None
    return {
        "said": _said(said) if said else None,
        "use": _use(session, message, cycle, heldout_share) if cycle else None,
        "cycle": _cycle(cycle) if cycle else None,
        "served": adapters.served(session),
        "answers": [
            {
                "message": draft.id,
                "version": draft.version,
                "text": draft.text,
                "formed": markup.nodes(draft.text),
            }
            for draft in conversations.drafts(session, message)
        ],
    }


def _learned(session: Session, said: int) -> Cycle | None:
    """Return the first cycle that saw this and learned from what it saw."""
    saw = select(Cycle).where(Cycle.mark >= said, Cycle.status.in_(cycles.CONSUMED))
    return session.scalar(saw.order_by(Cycle.id).limit(1))


def _said(row: Feedback) -> dict[str, Any]:
    target = {1: 1.0, -1: 0.0}.get(row.value or 0) if row.kind == "rating" else None
    return {"kind": row.kind, "target": target, "at": row.created_at.isoformat()}


def _use(session: Session, message: Message, cycle: Cycle, share: float) -> str:
    """Return whether a cycle learned from it or kept it for checking, as `training.split` decides."""
    where = place(transcripts.of(session, message.conversation_id), message)
    borrowed = (cycle.counts or {}).get("borrowed", [])
    return "checking" if is_heldout(unit(where), share, borrowed) else "training"


def _cycle(cycle: Cycle) -> dict[str, Any]:
    return {
        "id": cycle.id,
        "status": cycle.status,
        "version": cycle.version,
        "reasons": (cycle.verdict or {}).get("reasons", []),
        "finished_at": cycle.finished_at.isoformat() if cycle.finished_at else None,
    }
