"""SQLite as this project needs it: a fixed library, explicit transactions, durable commits.

Knows no table. Two processes write (chat and trainer), so a library with the WAL-reset bug, which
can lose what was committed, is refused rather than used.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from storage.columns import JSON

try:
    import pysqlite3.dbapi2 as bundled
except ImportError:  # no wheel for this machine: its own library may do
    LIBRARIES: tuple[ModuleType, ...] = (sqlite3,)
else:
    LIBRARIES = (bundled, sqlite3)

PRAGMAS = (
    "busy_timeout=10000",
    "journal_mode=WAL",
    "synchronous=FULL",  # a commit that was acknowledged survives a power cut
    "secure_delete=ON",  # what is deleted leaves no bytes behind
    "journal_size_limit=67108864",
    "wal_autocheckpoint=1000",
    "temp_store=MEMORY",
    "mmap_size=0",
    "trusted_schema=OFF",
)


BESIDE = ("-wal", "-shm", "-journal")
"""Endings of what SQLite keeps beside a file, and would apply to another one in its place."""


@dataclass(frozen=True)
class Role:
    """What a connection is for. One that may write takes the write lock when it begins.

    One that asked for it later could only fail if another process had written in between.
    """

    begin: str
    pragma: str
    pool: Mapping[str, Any]


READER = Role("BEGIN", "query_only=ON", {"pool_size": 5, "max_overflow": 10, "pool_timeout": 10})
WRITER = Role("BEGIN IMMEDIATE", "foreign_keys=ON", {"pool_size": 1, "max_overflow": 0})
MIGRATOR = Role("BEGIN IMMEDIATE", "foreign_keys=OFF", {"poolclass": NullPool})
"""A migration rebuilds tables, which foreign keys would forbid; it checks them before it commits."""


BUSY = 5
"""SQLite's number for a lock that others held for too long."""
STEP = 64
"""Pages that are written between two looks."""
PATIENCE = 200
"""Looks at whether somebody else has emptied the log."""
TRIES = 3
"""To write a file anew; each is spoilt by somebody who writes at one certain moment."""


class DatabaseUnusable(RuntimeError):
    """The database can't be opened; shown to whoever starts a process."""


class _OvertakenError(Exception):
    """Somebody stored something that a copy lacks."""


def wal_reset_fixed(version: tuple[int, ...]) -> bool:
    """Tell whether this SQLite is free of the WAL-reset bug of 3.7.0 to 3.51.2."""
    return (
        version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    )


def choose_library(libraries: Sequence[ModuleType] = LIBRARIES) -> ModuleType:
    """Return the first library that two processes may safely write with.

    Raises:
        DatabaseUnusable: all of them have the WAL-reset bug.
    """
    for library in libraries:
        if wal_reset_fixed(library.sqlite_version_info):
            return library
    found = ", ".join(library.sqlite_version for library in libraries)
    raise DatabaseUnusable(
        f"SQLite {found} can lose committed writes (WAL-reset bug). Install pysqlite3 "
        "(`pip install pysqlite3`), or a Python with SQLite 3.51.3 or later."
    )


def make_engine(url: URL, role: Role) -> Engine:
    """Return an engine whose connections are set up for `role` and begin transactions themselves.

    The driver's own way of beginning them silently loses read-modify-writes.
    """
    engine = create_engine(
        url,
        module=choose_library(),
        connect_args={"timeout": 10, "check_same_thread": False},
        **JSON,
        **role.pool,
    )

    @event.listens_for(engine, "connect")
    def connect(raw: sqlite3.Connection, _record: object) -> None:
        raw.isolation_level = None
        for pragma in (*PRAGMAS, role.pragma):
            raw.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(role.begin)

    return engine


def copy(engine: Engine, target: Path) -> None:
    """Write a consistent copy while others read and write, whole or not at all.

    Raises:
        OSError, the library's Error: it can't be written.
    """
    partial = target.with_name(f"{target.name}.partial")
    raw = engine.raw_connection()  # VACUUM doesn't run inside a transaction
    try:
        partial.unlink(missing_ok=True)
        raw.cursor().execute("VACUUM INTO ?", (str(partial),))
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        raw.close()


def scrub(engine: Engine) -> bool:
    """Write the file anew, without what deleted rows left between the others, and empty its log.

    False if others used it so much that it, or its log, stays as it was.

    Zeroing what is deleted is not enough: a row that moves to another page leaves its bytes behind.
    `VACUUM` has its copy in memory, in the library that is bundled, so this is one of our own: on
    disk, and then taken back in one transaction. It needs room for the file twice, copy and log.
    """
    file = Path(engine.url.database or "")
    with closing(engine.raw_connection()) as target, closing(engine.raw_connection()) as watch:
        raws = target.driver_connection, watch.driver_connection
        if not _emptied(raws[0]):  # also, a log that began anew meanwhile would look like a write
            return False
        return any(_rewritten(file, *raws) for _ in range(TRIES)) and _emptied(raws[0])


def _emptied(raw: Any) -> bool:  # noqa: ANN401 - of either library
    """Empty the log; False if somebody read for so long that it could not be done."""
    for _ in range(PATIENCE):
        busy, pages, _ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy or pages >= 0:
            return not busy
        time.sleep(0.05)  # somebody else empties it, which SQLite doesn't wait for
    return False


def _rewritten(file: Path, target: Any, watch: Any) -> bool:  # noqa: ANN401 - of either library
    """Put a compact copy in the place of the file's pages; False if somebody wrote in between.

    Others wait to write while the copy is made. Between its end and taking it back nobody holds the
    lock, which SQLite can't hand over, so what counts is that nothing was stored until it is held.
    """
    copied = file.with_name(f"{file.name}.partial")
    _remove(copied)  # of a process that was killed
    try:
        watch.execute("BEGIN IMMEDIATE")
        seen = _stored(watch)
        target.execute("VACUUM INTO ?", (str(copied),))
        watch.execute("ROLLBACK")
        _take_back(copied, target, lambda: _stored(watch) == seen)
    except _OvertakenError:
        return False
    finally:
        _remove(copied)
    return True


def _remove(file: Path) -> None:
    for ending in ("", *BESIDE):
        file.with_name(file.name + ending).unlink(missing_ok=True)


def _take_back(copied: Path, target: Any, still: Callable[[], bool]) -> None:  # noqa: ANN401
    """Replace all pages in one transaction, unless a look after it began says otherwise."""
    library = choose_library()

    def look(status: int, left: int, _pages: int) -> None:
        if status == BUSY:  # it would be asked again for ever
            raise library.OperationalError("database is locked")
        if left and not still():
            raise _OvertakenError

    with closing(library.connect(copied)) as source:
        pages = source.execute("PRAGMA page_count").fetchone()[0]
        # In at least two steps: the first one takes the lock, the last one commits.
        source.backup(target, pages=max(1, min(STEP, pages // 2)), progress=look)


def _stored(raw: Any) -> int:  # noqa: ANN401 - of either library
    """Return a number that changes when another connection stores something."""
    return int(raw.execute("PRAGMA data_version").fetchone()[0])
