"""What people agreed to: that their chats are stored, trained on, published. Knows no data set.

Each part needs the one before it. Who has said nothing is stored and trained on, as the page tells
them, and never published. All that reads people's words for either purpose asks `allows`.
"""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from storage.models import Consent, Rater

Purpose = Literal["train", "publish"]


@dataclass(frozen=True)
class Agreed:
    """What one person agrees to; as it stands here, what somebody does who has said nothing."""

    store: bool = True
    train: bool = True
    publish: bool = False


def given(s: Session, rater_id: str) -> Agreed:
    """Return what a person agrees to now."""
    newest = select(Consent).where(Consent.rater_id == rater_id).order_by(Consent.id.desc())
    row = s.scalar(newest.limit(1))
    return Agreed(row.store, row.train, row.publish) if row else Agreed()


def give(s: Session, rater_id: str, agreed: Agreed) -> Agreed:
    """Store what a person agrees to from now on, and return it: a part without the one before is none.

    Whoever first came while nothing could be stored is known from then on. What was stored before
    stays; `privacy.erase` takes storing back.
    """
    if s.get(Rater, rater_id) is None:
        s.add(Rater(id=rater_id))
        s.flush()
    train = agreed.store and agreed.train
    kept = Agreed(agreed.store, train, train and agreed.publish)
    s.add(Consent(rater_id=rater_id, store=kept.store, train=kept.train, publish=kept.publish))
    s.flush()
    return kept


def allows(rater: InstrumentedAttribute[str], purpose: Purpose) -> ColumnElement[bool]:
    """Return the condition that the person in column `rater` agrees to a purpose now."""
    newest = select(func.max(Consent.id)).group_by(Consent.rater_id)
    now = select(Consent.rater_id).where(Consent.id.in_(newest))
    if purpose == "publish":
        return rater.in_(now.where(Consent.publish))
    return rater.not_in(now.where(~Consent.train))
