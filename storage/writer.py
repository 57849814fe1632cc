"""One thread that does all writing of a process, several changes to a commit. Knows no table.

Threads that write directly starve each other for seconds; in a line each waits its turn, and
changes that wait together share one flush to disk.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

T = TypeVar("T")

MAX_BATCH = 64
MAX_WAITING = 1_024


class DatabaseBusy(RuntimeError):
    """Nothing was stored, and trying again shortly may work; shown to the person."""

    def __init__(self, why: str = "too many changes wait to be stored") -> None:
        super().__init__(f"Not saved: {why}. Try again shortly.")


class NotStorable(DatabaseBusy):
    """Nothing can be stored until somebody mends the disk; what can go on without, does."""

    def __init__(self, why: str) -> None:
        RuntimeError.__init__(self, f"Not saved: {why}. Whoever runs this must make room for it.")


LASTING = ("full", "readonly", "read-only", "disk I/O error", "No space left")
"""What SQLite and PostgreSQL say when trying again shortly won't help."""


def _refusal(error: OperationalError) -> DatabaseBusy:
    """Return what the caller is told: the database is locked, full, read-only, gone.

    On a full disk SQLite ends the transaction by itself; that its savepoint is gone comes up last.
    """
    first = error
    behind: BaseException | None = error
    while behind is not None:
        first = behind if isinstance(behind, OperationalError) else first
        behind = behind.__context__
    why = str(first.orig)
    kind = NotStorable if any(word in why for word in LASTING) else DatabaseBusy
    refusal = kind(f"the database says '{why}'")
    refusal.__cause__ = error
    return refusal


class _Job:
    """A change and the promise of its result."""

    def __init__(self, work: Callable[[Session], Any]) -> None:
        self._work = work
        self._result: Any = None
        self._error: BaseException | None = None
        self.done: Future[Any] = Future()

    def run(self, connection: Connection) -> None:
        """Do the work in a savepoint of its own; an error of the work undoes only this work."""
        with Session(
            connection, expire_on_commit=False, join_transaction_mode="create_savepoint"
        ) as session:
            try:
                self._result = self._work(session)
                session.commit()
            except BaseException as error:  # noqa: BLE001 - it is raised where `write` was called
                self._error = error

    def deliver(self) -> None:
        """Let the caller go on; only after the commit."""
        if self._error is not None:
            self.fail(self._error)
        else:
            self.done.set_result(self._result)

    def fail(self, error: BaseException) -> None:
        """Tell the caller that nothing was stored; an error of its own work says more."""
        own = self._error or error
        self.done.set_exception(_refusal(own) if isinstance(own, OperationalError) else own)


class Writer:
    """The line of changes and the thread that serves it."""

    def __init__(self, engine: Engine, max_waiting: int = MAX_WAITING) -> None:
        self._engine = engine
        self._queue: queue.Queue[_Job | None] = queue.Queue(max_waiting)
        self._closed = False
        self._entering = threading.Lock()
        self._thread = threading.Thread(target=self._serve, name="writer", daemon=True)
        self._thread.start()

    def write(self, work: Callable[[Session], T]) -> T:
        """Do `work` on the writer thread and return its result after the commit.

        Raises:
            DatabaseBusy: too much waits, or the database can't take it now; nothing was stored.
        """
        if threading.current_thread() is self._thread:
            raise RuntimeError("A change can't wait for another one: use the session it was given.")
        job = _Job(work)
        with self._entering:
            if self._closed:
                raise RuntimeError("The database is closed.")
            try:
                self._queue.put_nowait(job)
            except queue.Full:
                raise DatabaseBusy from None
        result: T = job.done.result()
        return result

    @property
    def waiting(self) -> int:
        """How many changes wait in line."""
        return self._queue.qsize()

    def close(self) -> None:
        """Finish what waits, then stop."""
        with self._entering:
            self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while True:
            batch, last = self._next_batch()
            if batch:
                self._commit(batch)
            if last:
                return

    def _next_batch(self) -> tuple[list[_Job], bool]:
        """Take everything that waits, waiting only for the first; True when there is no more."""
        batch: list[_Job] = []
        job = self._queue.get()
        while job is not None:
            batch.append(job)
            if len(batch) == MAX_BATCH or self._queue.empty():
                return batch, False
            job = self._queue.get()
        return batch, True

    def _commit(self, batch: list[_Job]) -> None:
        try:
            with self._engine.begin() as connection:
                for job in batch:
                    job.run(connection)
                    _check_transaction(connection)
        except BaseException as error:  # noqa: BLE001 - the thread must outlive any batch
            for job in batch:
                job.fail(error)
        else:
            for job in batch:
                job.deliver()


def _check_transaction(connection: Connection) -> None:
    """Stop the batch if the whole transaction is gone, not only the savepoint of one job.

    SQLite ends it by itself on a full disk and the like. What ran before is lost then, what came
    after would commit statement by statement, and the final COMMIT would still report success.
    """
    raw = connection.connection.dbapi_connection
    if not getattr(raw, "in_transaction", True):
        raise DatabaseBusy("the database gave up the transaction")
