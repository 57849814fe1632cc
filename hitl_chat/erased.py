"""Lets go, in this process, of people whom another one erased: a command, or a chat beside this one.

What is only in memory here, or was handed out by this page, nobody else can reach. Knows no page.
"""

import logging
from collections.abc import Callable

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from hitl_chat.lookout import Lookout
from storage import conversations
from storage.database import Database
from storage.models import Erasure

log = logging.getLogger(__name__)

EVERY = 2.0
"""Seconds between two looks."""


class Erased:
    """Looks whether somebody was erased."""

    def __init__(
        self, database: Database, forget: Callable[[str], None], recall: Callable[[], None]
    ) -> None:
        """`forget` is told who was erased altogether; `recall` takes back what was handed out."""
        self._database = database
        self._forget = forget
        self._recall = recall
        with database.read() as session:
            self._seen = session.scalar(select(func.max(Erasure.id))) or 0
        self._lookout = Lookout("erased", self.look, EVERY)

    def start(self) -> None:
        """Begin to look."""
        self._lookout.start()

    def close(self) -> None:
        """Stop looking."""
        self._lookout.close()

    def look(self) -> None:
        """Let go of whoever was erased since the last look.

        Who only took storing back goes on chatting in memory, and is kept there.
        """
        try:
            with self._database.read() as session:
                rows = session.execute(
                    select(Erasure.id, Erasure.rater_id)
                    .where(Erasure.id > self._seen)
                    .order_by(Erasure.id)
                ).all()
                gone = [rater for _, rater in rows if not conversations.has_rater(session, rater)]
        except (SQLAlchemyError, OSError) as error:
            log.warning("Can't look who was erased: %s", error)
            return
        for rater in gone:
            self._forget(rater)
        if rows:
            self._recall()
            self._seen = rows[-1].id
