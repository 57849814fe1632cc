"""Goes on, while the app runs, with erasures that could not clear every copy. Knows no page.

What kept a copy from being cleared may be over in a moment, as where a database was busy, and until
then snapshots keep whom they should have forgotten. Or it needs the owner, who is told.
"""

import logging
from collections.abc import Callable

from hitl_chat.lookout import Lookout
from storage import privacy
from storage.database import Database
from storage.home import Home

log = logging.getLogger(__name__)

EVERY = 60.0
"""Seconds between two looks; one that finds nothing left costs a small query."""
LONGEST_REST = 60
"""Looks that are let go by at most: each try writes the database and its copies anew."""
UNCLEARED = "Somebody was erased, and not every copy of what they said is cleared"


class Traces:
    """Looks whether an erasure has left something; `report` is told what, and None once it is gone."""

    def __init__(
        self, database: Database, home: Home, report: Callable[[str | None], None]
    ) -> None:
        self._database = database
        self._home = home
        self._report = report
        self._failed = ""
        self._tried: list[int] = []
        self._pause = self._rest = 0
        self._lookout = Lookout("traces", self.look, EVERY)

    def start(self) -> None:
        """Clear what a killed process left, then keep looking."""
        self._finish()
        self._lookout.start()

    def close(self) -> None:
        """Stop looking."""
        self._lookout.close()

    def look(self) -> None:
        """Try again if something is left: at once what is new, else ever more seldom."""
        with self._database.read() as session:
            left = privacy.unfinished(session)
        if left != self._tried:
            self._tried, self._pause, self._rest = left, 0, 0
        if self._rest:
            self._rest -= 1
        elif left or self._failed:
            self._finish()

    def _finish(self) -> None:
        try:
            privacy.finish(self._database, self._home)
        except privacy.TracesLeft as error:  # people can chat all the same
            self._rest = self._pause
            self._pause = min(2 * self._pause + 1, LONGEST_REST)
            if str(error) != self._failed:  # said once, not at each look
                log.warning("%s", error)
                self._report(f"{UNCLEARED}: {error}")
            self._failed = str(error)
            return
        if self._failed:
            log.info("What was left of erased people is cleared.")
            self._report(None)
        self._failed, self._pause, self._rest = "", 0, 0
