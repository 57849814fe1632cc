"""Keeps the engine on the version that the database says serves. Knows no page."""

import logging
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from hitl_chat.engines.protocol import AdapterRejected, Engine, EngineBusy
from hitl_chat.lookout import Lookout
from storage import adapters
from storage.database import Database
from storage.home import Home
from storage.models import BASE_VERSION

log = logging.getLogger(__name__)

EVERY = 0.1
"""Seconds between two looks: a roll back by hand is felt at once."""


class Follower:
    """Looks which version should serve and makes the engine take it.

    A version that the engine refused is not tried again until another one has been asked for;
    the old one keeps serving, and `report` is told why (and with None when all is well again).
    One that the engine has no time for is tried again at each look.
    """

    def __init__(
        self,
        database: Database,
        engine: Engine,
        home: Home,
        report: Callable[[str | None], None],
        *,
        pairs: bool = False,
    ) -> None:
        """With `pairs`, the version that one on trial replaced is kept ready beside it."""
        self._pairs = pairs
        self._unpaired: str | None = None
        self._database = database
        self._engine = engine
        self._home = home
        self._report = report
        self._refused: str | None = None
        self._waits: str | None = None
        self._lookout = Lookout("follower", self.look, EVERY)

    def start(self) -> None:
        """Look once, so that the first answer already has the right version, then keep looking."""
        self.look()
        self._lookout.start()

    def close(self) -> None:
        """Stop looking."""
        self._lookout.close()

    def look(self) -> None:
        """Compare what should serve with what serves, and swap if they differ."""
        try:
            with self._database.read() as session:
                wanted = adapters.served(session)
                trial = adapters.on_trial(session) if self._pairs else None
        except (SQLAlchemyError, OSError) as error:
            log.warning("Can't read which version should serve: %s", error)
            return
        before = trial.against if trial else None
        if before == self._engine.version:  # before it is replaced, so that it never leaves
            self._pair(before)
        self._follow(wanted)
        if wanted == self._engine.version:
            self._pair(before)

    def _follow(self, wanted: str) -> None:
        if wanted == self._engine.version:
            if self._refused or self._waits:
                self._refused = self._waits = None
                self._report(None)
        elif wanted != self._refused:
            self._take(wanted)

    def _take(self, wanted: str) -> None:
        folder = self._folder(wanted)
        if folder and not _is_there(folder):  # a shared folder may show it later than the database
            self._wait(wanted, f"{folder} isn't there. Every process must see the same adapters.")
            return
        try:
            self._engine.activate(wanted, folder)
        except EngineBusy as error:
            self._wait(wanted, str(error))
        except (AdapterRejected, OSError) as error:
            self._refused, self._waits = wanted, None
            serves = self._engine.version
            log.error("Version %s refused, %s keeps serving: %s", wanted, serves, error)  # noqa: TRY400
            self._report(f"Version {wanted} was refused, {serves} keeps serving: {error}")
        else:
            self._refused = self._waits = None
            log.info("Version %s serves now.", wanted)
            self._report(None)

    def _wait(self, wanted: str, why: str) -> None:
        if self._waits != wanted:  # said once, not at each look
            log.warning("Version %s waits: %s", wanted, why)
            self._report(f"Version {wanted} waits, {self._engine.version} keeps serving: {why}")
        self._waits = wanted

    def _pair(self, version: str | None) -> None:
        """Keep the version before ready, or let it go; without it everyone gets the one on trial."""
        if (
            not self._pairs
            or version == self._engine.beside
            or (version and version == self._unpaired)
        ):
            return
        try:
            self._engine.accompany(version, self._folder(version))
        except EngineBusy as error:  # tried again at the next look
            log.debug("Version %s waits: %s", version, error)
        except (AdapterRejected, OSError) as error:
            self._unpaired = version
            log.error("Version %s can't serve beside: %s", version, error)  # noqa: TRY400

    def _folder(self, version: str | None) -> Path | None:
        return self._home.adapters / version if version and version != BASE_VERSION else None


def _is_there(folder: Path) -> bool:
    """Tell whether a folder is seen; one that a network disk fails to show now may be later."""
    try:
        return folder.is_dir()
    except OSError:
        return False
