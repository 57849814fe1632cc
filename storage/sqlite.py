"""SQLite as this project needs it: a fixed library, explicit transactions, durable commits.

Knows no table. Two processes write (chat and trainer), so a library with the WAL-reset bug, which
can lose what was committed, is refused rather than used.
"""

import os
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

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


class DatabaseUnusable(RuntimeError):
    """The database can't be opened; shown to whoever starts a process."""


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
        json_deserializer=orjson.loads,
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

    False if somebody read for so long that the log could not be emptied.
    """
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        outcome = (
            cursor.fetchone()
        )  # whether it was in somebody's way, pages in the log, pages done
        return outcome is not None and not outcome[0]
    finally:
        raw.close()
