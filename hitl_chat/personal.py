"""What a person may do with their own data: see it, take it along, agree, be erased. Knows no page."""

from dataclasses import asdict
from typing import Any

from storage import consent, conversations, person, privacy
from storage.consent import Agreed
from storage.database import Database
from storage.home import Home


class Personal:
    """One method for each of these; every caller has checked who asks."""

    def __init__(self, database: Database, home: Home) -> None:
        self._database = database
        self._home = home

    def may_store(self, rater: str) -> bool:
        """Tell whether what this person says may be stored."""
        with self._database.read() as session:
            return consent.given(session, rater).store

    def tell(self, rater: str) -> dict[str, Any]:
        """Return what they agree to, how much of what is stored, and which versions learned from it."""
        with self._database.read() as session:
            return {
                "rater": rater,
                "agreed": asdict(consent.given(session, rater)),
                "stored": person.counts(session, rater),
                "learned": person.learned(session, person.readers(session, rater)),
            }

    def everything(self, rater: str) -> dict[str, Any]:
        """Return all that is stored of them."""
        with self._database.read() as session:
            return person.everything(session, rater)

    def agree(self, rater: str, agreed: Agreed) -> dict[str, Any]:
        """Store what they agree to from now on. Without `store`, what is there is erased at once.

        Raises:
            ValueError: not yes or no.
            TracesLeft: as `privacy.erase`.
        """
        if not all(type(part) is bool for part in asdict(agreed).values()):
            raise ValueError("'store', 'train' and 'publish' must be true or false.")
        if agreed.store:
            self._database.write(lambda s: consent.give(s, rater, agreed))
        else:
            privacy.erase(self._database, self._home, rater, agreed=agreed)
        return self.tell(rater)

    def erase(self, rater: str) -> dict[str, Any]:
        """Erase them; returns the versions that learned from them.

        Raises:
            TracesLeft: as `privacy.erase`.
        """
        with self._database.read() as session:
            if not conversations.has_rater(session, rater):
                return {"learned": []}  # all there was of them was in memory
        return {"learned": privacy.erase(self._database, self._home, rater)}
