"""Watches how people like the version that serves; rolls back or keeps it once they have decided.

Knows no engine: the follower takes what the database says. All that a trial comes to is read from
ratings and served versions, so a process that was killed between a rating and its verdict gives the
verdict when it starts again. Each is stored once, with its numbers, as why a version serves.
"""

import logging
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from hitl_chat import reading, steps
from hitl_chat.lookout import Lookout
from hitl_chat.trial import Standing
from storage import adapters, feedback
from storage.database import Database, DatabaseBusy
from storage.home import Home

log = logging.getLogger(__name__)

EVERY = 0.5
"""Seconds between two looks. One that finds nothing new costs two small queries."""


class Watch:
    """Looks whether ratings have come in, and what they say; `report` is told."""

    def __init__(
        self, database: Database, home: Home, report: Callable[[Standing | None], None]
    ) -> None:
        self._database = database
        self._home = home
        self._report = report
        self._seen: tuple[int, int] | None = None
        self._lookout = Lookout("watch", self.look, EVERY)

    def start(self) -> None:
        """Look once, for what was decided while nobody looked, then keep looking."""
        self.look()
        self._lookout.start()

    def close(self) -> None:
        """Stop looking."""
        self._lookout.close()

    def look(self) -> None:
        """Weigh the ratings of the version on trial, if there are new ones."""
        try:
            with self._database.read() as session:
                seen = feedback.mark(session), adapters.mark(session)
                if seen == self._seen:
                    return
                standing = reading.standing(session)
            if standing and standing.outcome:
                standing = self._decide()
        except (SQLAlchemyError, OSError, DatabaseBusy) as error:
            log.warning("Can't look how the trial stands: %s", error)
            return
        self._seen = seen
        self._report(standing)

    def _decide(self) -> Standing | None:
        """Store what people decided; returns the trial that goes on then, if any."""
        try:
            reason = self._database.write(lambda s: steps.end_trial(s, self._home))
        except ValueError as error:  # what it should go back to is gone; the owner can choose
            log.error("The version that serves is liked less, and can't be left: %s", error)  # noqa: TRY400
        else:
            log.info("Live trial: %s", reason)
        with self._database.read() as session:
            return reading.standing(session)
