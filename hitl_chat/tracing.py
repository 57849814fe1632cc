"""What a rating did: the example it became, the cycle it went into, and what came of that.

Only reads; checks no ownership. The example is told as `training.targets` makes it, before the
weights of people who say much are cut; with fewer conversations than `FEW` it can change sides.
"""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage import adapters, conversations, cycles
from storage.models import Cycle, Feedback, Message
from training import targets


def trace(session: Session, message: Message, heldout_share: float) -> dict[str, Any]:
    """Return as plain values what became of the newest thing that was said about an answer.

    `said` is None where nothing was; `cycle` is None until one has learned from it.
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
        "use": _use(session, message, cycle.mark, heldout_share) if cycle else None,
        "cycle": _cycle(cycle) if cycle else None,
        "served": adapters.served(session),
        "answers": [
            {"message": draft.id, "version": draft.version, "text": draft.text}
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


def _use(session: Session, message: Message, mark: int, share: float) -> str:
    """Return whether it was learned from or kept for checking, as `targets.split` decides."""
    rated = select(func.count(Message.conversation_id.distinct())).join(
        Feedback, Feedback.message_id == Message.id
    )
    few = (session.scalar(rated.where(Feedback.id <= mark)) or 0) < targets.FEW
    unit = (message.parent_id or message.id) if few else message.conversation_id
    return "checking" if targets.is_heldout(unit, share) else "training"


def _cycle(cycle: Cycle) -> dict[str, Any]:
    return {
        "id": cycle.id,
        "status": cycle.status,
        "version": cycle.version,
        "reasons": (cycle.verdict or {}).get("reasons", []),
        "finished_at": cycle.finished_at.isoformat() if cycle.finished_at else None,
    }
