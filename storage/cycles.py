"""The journal of training cycles: what each saw, how far it came, what came of it. Trains nothing.

A cycle that was promoted or refused has learned what its feedback had to say. One that was skipped,
failed or interrupted has not: what it saw keeps waiting for the next.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.models import Cycle, now

CONSUMED = ("promoted", "refused")
FINISHED = (*CONSUMED, "skipped", "failed", "interrupted")
MOST_CUT_SHORT = 3
"""Cycles in a row that may be cut short and begin anew at once; what ends them may be what they do."""
RESULTS = ("version", "counts", "reward", "ppo", "verdict", "error")


class NotRunning(RuntimeError):
    """A cycle that is over can't go on; shown to the owner through the trainer's log."""


def open_cycle(s: Session, mark: int) -> Cycle:
    """Begin a cycle that may see feedback up to `mark`."""
    cycle = Cycle(status="running", phase="mark", mark=mark)
    s.add(cycle)
    s.flush()
    return cycle


def advance(s: Session, cycle_id: int, phase: str, progress: float, detail: str) -> None:
    """Say how far a running cycle is.

    Raises:
        NotRunning: it is over.
    """
    cycle = _running(s, cycle_id)
    cycle.phase = phase
    cycle.progress = min(1.0, max(0.0, progress))
    cycle.detail = detail


def close(s: Session, cycle_id: int, status: str, **results: Any) -> None:  # noqa: ANN401 - JSON
    """End a cycle with what came of it: version, counts, reward, ppo, verdict, error.

    One that broke off keeps the phase it was in.

    Raises:
        NotRunning: it is over already; its feedback must not be consumed a second time.
        ValueError: an unknown status or result.
    """
    if status not in FINISHED:
        raise ValueError(f"Unknown status '{status}'. Use one of {', '.join(FINISHED)}.")
    unknown = set(results) - set(RESULTS)
    if unknown:
        raise ValueError(f"Unknown results {sorted(unknown)}. Use some of {', '.join(RESULTS)}.")
    cycle = _running(s, cycle_id)
    for name, value in results.items():
        setattr(cycle, name, value)
    if status not in ("failed", "interrupted"):
        cycle.phase, cycle.progress = "done", 1.0
    cycle.status, cycle.finished_at = status, now()


def interrupt_running(s: Session) -> list[int]:
    """Close what a killed trainer left running; returns the ids."""
    left = list(s.scalars(select(Cycle).where(Cycle.status == "running").order_by(Cycle.id)))
    for cycle in left:
        close(s, cycle.id, "interrupted", error=f"The trainer ended during phase {cycle.phase}.")
    return [cycle.id for cycle in left]


def last(s: Session) -> Cycle | None:
    """Return the newest cycle that is over, whatever came of it."""
    over = select(Cycle).where(Cycle.status != "running")
    return s.scalar(over.order_by(Cycle.id.desc()).limit(1))


def running(s: Session) -> Cycle | None:
    """Return the cycle that runs now, if any."""
    on = select(Cycle).where(Cycle.status == "running")
    return s.scalar(on.order_by(Cycle.id.desc()).limit(1))


def recent(s: Session, limit: int = 50) -> Sequence[Cycle]:
    """Return the newest cycles, newest first."""
    return s.scalars(select(Cycle).order_by(Cycle.id.desc()).limit(limit)).all()


def consumed_mark(s: Session) -> int:
    """Return the newest feedback id that some cycle has learned from."""
    return s.scalar(select(func.max(Cycle.mark)).where(Cycle.status.in_(CONSUMED))) or 0


def settled(s: Session) -> Cycle | None:
    """Return the newest cycle whose end new feedback must follow before the next one, if any.

    One that was cut short doesn't count, so its feedback is taken up again at once; but if it is one
    too many in a row, as where memory runs out each time, it does.
    """
    over = select(Cycle).where(Cycle.status != "running").order_by(Cycle.id.desc())
    newest = s.scalars(over.limit(MOST_CUT_SHORT)).all()
    if len(newest) == MOST_CUT_SHORT and all(c.status == "interrupted" for c in newest):
        return newest[0]
    return s.scalar(over.where(Cycle.status != "interrupted").limit(1))


def _running(s: Session, cycle_id: int) -> Cycle:
    cycle = s.get_one(Cycle, cycle_id)
    if cycle.status != "running":
        raise NotRunning(f"Cycle {cycle_id} is {cycle.status}; only a running one can go on.")
    return cycle
