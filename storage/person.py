"""All that is stored of one person, found along the foreign keys that lead to them. Knows no file.

Whatever refers to a person, or to something of theirs, is theirs; so a table that comes later is
covered. Which adapters learned from them is told from the journal of cycles.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, MetaData, Table, delete, false, func, or_, select
from sqlalchemy.orm import Session

from storage.models import Adapter, Base, Consent, Cycle, Feedback, Rater, Signal
from storage.names import digest, pseudonym

KNOWN = (Rater.__tablename__, Consent.__tablename__)
"""What is kept of someone who may not be stored: that they said so."""
OURS = frozenset(Base.metadata.tables)
"""The tables that may be theirs in any release; one that a migration drops or renames stays here."""


def everything(s: Session, rater_id: str) -> dict[str, list[dict[str, Any]]]:
    """Return each table's rows that are theirs, as plain values."""
    found = {}
    for table in Base.metadata.sorted_tables:
        rows = s.execute(select(table).where(_theirs(table, rater_id))).mappings().all()
        if rows:
            plain = [{str(name): _plain(row[name]) for name in row} for row in rows]
            found[str(table.name)] = plain  # a kind of str that not every JSON writer takes
    return found


def counts(s: Session, rater_id: str) -> dict[str, int]:
    """Return how many rows of each table are theirs, what says only who they are left out."""
    found = {}
    for table in Base.metadata.sorted_tables:
        if table.name not in KNOWN:
            theirs = select(func.count()).select_from(table).where(_theirs(table, rater_id))
            found[str(table.name)] = s.scalar(theirs) or 0
    return {name: count for name, count in found.items() if count}


def delete_rows(s: Session, rater_id: str, *, known: bool = False) -> None:
    """Delete all that is theirs; with `known`, all but who they are and what they agreed to.

    The tables are those of ours that the database has, which may be a backup of an older release.
    What else is in it is other programs', who may not let us look.
    """
    there = MetaData()
    there.reflect(s.connection(), only=lambda name, _: name in OURS)
    for table in reversed(there.sorted_tables):
        if not (known and table.name in KNOWN):
            s.execute(delete(table).where(_theirs(table, rater_id)))


def readers(s: Session, rater_id: str) -> list[int]:
    """Return the cycles that may have learned from them, one that still runs included.

    What they said is told by its number: the trainer's clock may not be that of the chat. Of what
    they did a cycle keeps none.
    """
    theirs = _names(rater_id)
    first = s.scalar(select(func.min(Feedback.id)).where(Feedback.rater_id.in_(theirs)))
    acted = s.scalar(select(func.min(Signal.created_at)).where(Signal.rater_id.in_(theirs)))
    saw = [Cycle.mark >= first] if first is not None else []
    saw += [Cycle.started_at >= acted] if acted is not None else []
    said = select(Consent).where(Consent.rater_id == rater_id).order_by(Consent.id)
    history = list(s.scalars(said))
    later = select(Cycle).where(or_(false(), *saw)).order_by(Cycle.id)
    return [cycle.id for cycle in s.scalars(later) if _agreed(history, cycle.started_at)]


def learned(s: Session, cycles: Collection[int]) -> list[str]:
    """Return the versions that came of these cycles, and those that went on from them."""
    found: list[str] = []
    for adapter in s.scalars(select(Adapter).order_by(Adapter.created_at)):
        if adapter.cycle_id in cycles or adapter.parent in found:
            found.append(adapter.version)
    return found


def _theirs(table: Table, rater_id: str) -> ColumnElement[bool]:
    """Return the condition that a row of `table` leads to the person."""
    if table.name == Rater.__tablename__:
        return table.c.id.in_(_names(rater_id))
    leads = [
        key.parent.in_(select(key.column).where(_theirs(key.column.table, rater_id)))
        for key in sorted(table.foreign_keys, key=lambda key: key.parent.name)
        if key.column.table is not table
    ]
    return or_(false(), *leads)


def _names(rater_id: str) -> tuple[str, str]:
    """Return what a person is called here: their own id, and that of an export which was imported."""
    return rater_id, digest(pseudonym(rater_id))


def _agreed(history: list[Consent], then: datetime) -> bool:
    before = [row.train for row in history if row.created_at <= then]
    return before[-1] if before else True


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
