"""Keeps what lasts where a wiped disk doesn't reach: database and adapters, in a depot on the Hub.

Knows no table but that of erasures. A snapshot holds the SQLite database as one moment saw it, and
every adapter version that is published whole. Once it holds nothing of a person who was erased, the
depot forgets the ones before. Two processes of one name would overwrite each other: give each its own.
"""

import hashlib
import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from storage.database import file_of
from storage.depot import Depot, DepotDown
from storage.home import Home
from storage.sqlite import BESIDE, choose_library

log = logging.getLogger(__name__)

DATABASE, ADAPTERS = "feedback.db", "adapters"
EVERY = 8.0
"""Seconds between two looks. With the time of an upload, a killed process loses 15 at most."""
LONGEST_PAUSE = 120.0
UNSAVED = "No snapshot could be stored; a restart would lose data"
UNFORGOTTEN = (
    "Snapshots from before an erasure could not be deleted; they still hold who was erased"
)
TRIES = 4
"""To restore; what is asked for meanwhile waits."""


class RestoreFailed(RuntimeError):
    """There may be a snapshot that can't be had; shown to whoever starts the app."""


def restore(home: Home, depot: Depot, pause: float = 2.0) -> bool:
    """Put the depot's snapshot into a data folder without a database; True if there was one.

    Beginning without it would soon overwrite it, so a depot that doesn't answer is no empty one, nor is
    a folder that has adapters alone restored: a process that was killed may have come so far.

    Raises:
        RestoreFailed: the depot can't be read, or what it holds is no database.
    """
    file = file_of(home)
    if file.exists() if file else any(home.adapters.iterdir()):
        return False
    for attempt in range(1, TRIES + 1):
        time.sleep(pause * (attempt - 1))
        try:
            return _fetch(home, depot, file)
        except DepotDown as error:
            log.warning("The snapshot can't be fetched (try %s): %s", attempt, error)
            reason = str(error)
    raise RestoreFailed(
        f"The data folder is empty and its snapshot can't be fetched ({reason}). "
        "Start again when the Hub answers; check HF_TOKEN and HITL_SNAPSHOT_REPO."
    )


def _fetch(home: Home, depot: Depot, file: Path | None) -> bool:
    there = depot.paths()
    wanted = {path for path in there if path.startswith(f"{ADAPTERS}/")}
    if file and DATABASE in there:
        wanted.add(DATABASE)
    if not wanted:
        return False
    with tempfile.TemporaryDirectory(dir=home.folder, prefix=".restore-") as name:
        staging = Path(name)
        depot.fetch(wanted, staging)
        if DATABASE in wanted:
            _check(staging / DATABASE)
        _move(staging / ADAPTERS, home.adapters)
        if file and DATABASE in wanted:  # last: with it the folder counts as restored
            incoming = file.with_name(f"{file.name}.incoming")
            shutil.move(staging / DATABASE, incoming)  # the database may lie on another disk
            for ending in BESIDE:
                file.with_name(file.name + ending).unlink(missing_ok=True)
            incoming.replace(file)
    log.info("Restored %s files of the snapshot.", len(wanted))
    return True


def _move(fetched: Path, adapters: Path) -> None:
    """Put versions in their place: all at once, since without a database here one alone would do."""
    if fetched.exists() and not any(adapters.iterdir()):
        fetched.replace(adapters)
        return
    for version in fetched.glob("*"):
        if not (adapters / version.name).exists():
            version.rename(adapters / version.name)


def _check(file: Path) -> None:
    library = choose_library()
    try:
        connection = library.connect(file)
        try:
            (verdict,) = connection.execute("PRAGMA quick_check").fetchone()
        finally:
            connection.close()
    except library.Error as error:
        verdict = error
    if verdict != "ok":
        raise RestoreFailed(f"The snapshot's {DATABASE} is damaged ({verdict}). Mend or remove it.")


class Snapshots:
    """A thread that uploads what changed; `report` is told what keeps it from doing so, or None."""

    def __init__(self, home: Home, depot: Depot, report: Callable[[str | None], None]) -> None:
        self._home = home
        self._file = file_of(home)
        self._depot = depot
        self._report = report
        self._stored: set[str] | None = None
        self._digest: str | None = None
        self._erased = self._forgotten = 0
        """Erasures that the stored database has behind it, and those that the depot knows of."""
        self._seen: object = None
        self._failed: str | None = None
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._run, name="snapshots", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking, and store what is new. Call it when nothing is written any more."""
        self._leave.set()
        if self._thread.is_alive():
            self._thread.join()
        self.look()

    def look(self) -> bool:
        """Upload what changed since the last time; False if that failed."""
        seen = self._state()
        if seen == self._seen:
            return True
        what = UNSAVED
        try:
            self._upload()
            what = UNFORGOTTEN
            self._forget()
        except (DepotDown, OSError, choose_library().Error) as error:
            problem = f"{what}: {error}"
            if self._failed != problem:  # said once, not at each look
                log.warning("%s", problem)
                self._report(problem)
            self._failed = problem
            return False
        self._seen = seen
        if self._failed:
            log.info("Snapshots are stored again.")
            self._report(None)
            self._failed = None
        return True

    def _upload(self) -> None:
        if self._stored is None:
            self._stored = self._depot.paths()
        with tempfile.TemporaryDirectory(dir=self._home.folder, prefix=".snapshot-") as staging:
            new, digest, erased = {}, None, 0
            if self._file and self._file.exists():  # first: whatever it names is published by now
                copy = _backup(self._file, Path(staging) / DATABASE)
                with copy.open("rb") as stream:
                    digest = hashlib.file_digest(stream, "sha256").hexdigest()
                if digest != self._digest:
                    new[DATABASE] = copy
                erased = _erasures(copy)
            files = self._adapters()
            new |= {path: file for path, file in files.items() if path not in self._stored}
            gone = {path for path in self._stored if path.startswith(f"{ADAPTERS}/")} - files.keys()
            if new or gone:
                try:
                    self._depot.store(new, gone)
                except DepotDown:  # it may have been done all the same
                    self._stored = self._digest = None
                    raise
            self._stored = {*self._stored, *new} - gone
            self._digest, self._erased = digest, erased

    def _forget(self) -> None:
        """Delete older snapshots if they hold somebody whom this one doesn't.

        Once for each start too: nobody knows how far the process before had come.
        """
        if self._erased != self._forgotten:
            self._depot.forget()
            self._forgotten = self._erased

    def _adapters(self) -> dict[str, Path]:
        """Return the files of whole versions; a version never changes."""
        versions = [f for f in self._home.adapters.iterdir() if not f.name.startswith(".")]
        files = [f for version in versions for f in version.iterdir()]
        return {f.relative_to(self._home.folder).as_posix(): f for f in files}

    def _state(self) -> object:
        """Return what differs when something was written."""
        database = (
            [self._file, self._file.with_name(f"{self._file.name}-wal")] if self._file else []
        )
        stats = [f.stat() for f in database if f.exists()]
        written = [(stat.st_mtime_ns, stat.st_size) for stat in stats]
        return written, sorted(f.name for f in self._home.adapters.iterdir())

    def _run(self) -> None:
        pause = EVERY
        while not self._leave.wait(pause):
            pause = EVERY if self.look() else min(2 * pause, LONGEST_PAUSE)


def _backup(file: Path, to: Path) -> Path:
    """Copy a database as one moment sees it, while others write on."""
    library = choose_library()
    source, target = library.connect(f"file:{file}?mode=ro", uri=True), library.connect(to)
    try:
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")
    finally:
        source.close()
        target.close()
    return to


def _erasures(file: Path) -> int:
    """Count the erasures that are finished in a copy: of those people no byte is left in it."""
    connection = choose_library().connect(file)
    try:
        question = "SELECT count(*) FROM erasures WHERE finished_at IS NOT NULL"
        return int(connection.execute(question).fetchone()[0])
    finally:
        connection.close()
