"""People who signed in: which rater each of them is. Knows no provider and no page.

A rater's id follows from what the provider calls the person, by the installation's secret: it is the
same on every device and in every process, and neither name nor account is stored. Who was erased and
comes back is another rater, since restoring an old backup erases the first one again.
"""

from itertools import count

from sqlalchemy.orm import Session

from hitl_chat.identity import Identity
from storage import consent, conversations, privacy
from storage.consent import Agreed
from storage.database import Database


class Accounts:
    """Finds a person's rater, or makes one."""

    def __init__(self, database: Database, identity: Identity) -> None:
        self._database = database
        self._identity = identity

    def rater(self, subject: str, before: str | None = None) -> str:
        """Return the rater of whom the provider calls `subject`.

        `before` is who the same browser was until they signed in: what that one refused, a new
        rater refuses too. Publishing they would have to say yes to again.

        Raises:
            NotStorable: a new one can't be stored now.
        """
        with self._database.read() as session:
            rater = self._find(session, subject)
            if conversations.has_rater(session, rater):
                return rater
        return self._database.write(lambda s: self._make(s, subject, before))

    def _find(self, s: Session, subject: str) -> str:
        """Return the first rater of theirs who was not erased, there or to be made."""
        turns = (self._identity.account(subject, turn) for turn in count())
        return next(
            rater
            for rater in turns
            if conversations.has_rater(s, rater) or not privacy.was_erased(s, rater)
        )

    def _make(self, s: Session, subject: str, before: str | None) -> str:
        rater = self._find(s, subject)  # another process may have been quicker
        if not conversations.has_rater(s, rater):
            conversations.add_rater(s, rater)
            was = consent.given(s, before) if before else Agreed()
            if not was.train:
                consent.give(s, rater, Agreed(was.store, was.train))
        return rater
