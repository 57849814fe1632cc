"""PostgreSQL as this project needs it: changes one after the other, reads of one moment, one trainer.

Knows no table. All processes' changes stand in one line, as on SQLite. So nothing that was read to
be changed is changed meanwhile, and ids count upwards in the order of their commits: a cycle that
has seen everything up to one never finds a smaller one later.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, select, text
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from storage.columns import JSON

CHANGES, TRAINER = 0x48495401, 0x48495402
"""Advisory locks, of one database each: the line of changes, and the trainer's seat."""

SESSION = {
    "timezone": "UTC",  # days are counted by it, as on SQLite, whatever the server's is
    "idle_in_transaction_session_timeout": "30s",
    # The locks of a machine that vanished are free after a minute, not after two hours.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}


@dataclass(frozen=True)
class Role:
    """What a connection is for, and how long one statement of it may take."""

    writes: bool
    patience: str
    pool: Mapping[str, Any]


READER = Role(False, "60s", {"pool_size": 5, "max_overflow": 10, "pool_timeout": 10})  # noqa: FBT003
WRITER = Role(True, "10s", {"pool_size": 1, "max_overflow": 0})  # noqa: FBT003
MIGRATOR = Role(True, "0", {"poolclass": NullPool})  # noqa: FBT003
SITTER = Role(False, "10s", {"poolclass": NullPool})  # noqa: FBT003


class SeatTaken(RuntimeError):
    """Another process trains from this database; shown to whoever starts a second trainer."""


def make_engine(url: URL, role: Role) -> Engine:
    """Return an engine whose connections are set up for `role`."""
    reading = {} if role.writes else {"postgresql_readonly": True}
    engine = create_engine(
        url,
        isolation_level="READ COMMITTED" if role.writes else "REPEATABLE READ",
        execution_options=reading,
        connect_args={"connect_timeout": 10},
        pool_pre_ping=True,
        pool_recycle=1_800,
        **JSON,
        **role.pool,
    )

    @event.listens_for(engine, "connect")
    def connect(raw: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own
        with raw.cursor() as cursor:
            for name, value in {**SESSION, "statement_timeout": role.patience}.items():
                cursor.execute(f"SET {name} = '{value}'")
        raw.commit()

    if role.writes:

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({CHANGES})")

    return engine


@contextmanager
def seat(url: URL) -> Iterator[Callable[[], None]]:
    """Be the one process that trains; yields what raises if the seat was lost.

    The server lets go of the seat however this process ends.

    Raises:
        SeatTaken: another process has it.
    """
    engine = make_engine(url, SITTER)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(select(func.pg_try_advisory_lock(TRAINER))):
            raise SeatTaken("Another trainer is at work already on this database.")
        # Pinging is enough: the lock lasts exactly as long as this one connection.
        yield lambda: connection.scalar(select(1)) and None


def seat_taken(session: Session) -> bool:
    """Tell whether some process trains, without reaching for the seat."""
    held = text(
        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = 0 "
        "AND objid = :lock AND database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return session.scalar(held, {"lock": TRAINER}) is not None
