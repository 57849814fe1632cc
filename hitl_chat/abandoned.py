"""Closes answers that a killed chat process left open. Knows not which ones are being written."""

from datetime import timedelta

from hitl_chat.lookout import Lookout
from storage import conversations
from storage.database import Database
from storage.models import now

LONGEST = timedelta(minutes=10)
"""Beside other chat processes, an answer that is open for so long isn't being written any more."""


class Abandoned:
    """Looks for such answers: once, and beside other processes again and again."""

    def __init__(self, database: Database, longest: timedelta = LONGEST) -> None:
        self._database = database
        self._longest = longest
        self._lookout = Lookout("abandoned", self.look, longest.total_seconds())

    def start(self) -> None:
        """Begin to look again: what was left open a moment before this began was too young then."""
        if self._database.shared:
            self._lookout.start()

    def close(self) -> None:
        """Stop looking."""
        self._lookout.close()

    def look(self) -> None:
        """Close what is open for too long; where no other process writes, whatever is open."""
        before = now() - self._longest if self._database.shared else None
        self._database.write(lambda s: conversations.close_abandoned(s, before))
