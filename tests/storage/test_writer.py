import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from storage import conversations, sqlite
from storage.models import Base, Conversation, Rater
from storage.writer import DatabaseBusy, Writer

ROOM = 12


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    url = URL.create("sqlite", database=str(tmp_path / "feedback.db"))
    engine = sqlite.make_engine(url, sqlite.WRITER)
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def writer(engine: Engine) -> Iterator[Writer]:
    writer = Writer(engine, max_waiting=ROOM)
    yield writer
    writer.close()


def raters(engine: Engine) -> int:
    with Session(engine) as session:
        return session.scalar(select(func.count()).select_from(Rater)) or 0


class Line:
    """Keeps the writer busy with adding a rater, so that what follows waits and shares a commit."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._entered, self._go_on = threading.Event(), threading.Event()
        self._pool = ThreadPoolExecutor(ROOM + 1)
        self._first = self._pool.submit(writer.write, self._hold)
        self._entered.wait(10)

    def join(self, work: Callable[[Session], Any]) -> Future[Any]:
        """Queue up behind all who came before."""
        place = self._writer.waiting + 1
        future = self._pool.submit(self._writer.write, work)
        while self._writer.waiting < place:
            threading.Event().wait(0.002)
        return future

    def release(self) -> None:
        self._go_on.set()
        self._pool.shutdown()

    def _hold(self, session: Session) -> None:
        self._entered.set()
        self._go_on.wait(10)
        conversations.add_rater(session)


def test_a_failing_change_is_undone_alone(engine: Engine, writer: Writer) -> None:
    def fail(session: Session) -> None:
        conversations.add_rater(session)
        raise KeyError("mine")

    def violate(session: Session) -> None:
        session.add(Conversation(rater_id="nobody"))

    line = Line(writer)
    good = [line.join(conversations.add_rater) for _ in range(2)]
    bad, worse = line.join(fail), line.join(violate)
    good += [line.join(conversations.add_rater) for _ in range(2)]
    line.release()
    with pytest.raises(KeyError, match="mine"):
        bad.result()
    with pytest.raises(IntegrityError, match="FOREIGN KEY"):
        worse.result()
    assert len({future.result().id for future in good}) == 4
    assert raters(engine) == 5


def test_when_the_whole_transaction_is_gone_nothing_of_it_is_acknowledged(
    engine: Engine, writer: Writer
) -> None:
    def lose(session: Session) -> None:  # as SQLite does by itself on a full disk
        session.connection().exec_driver_sql("ROLLBACK")

    line = Line(writer)
    before = line.join(conversations.add_rater)
    lost = line.join(lose)
    after = line.join(conversations.add_rater)
    line.release()
    for future in (before, after):
        with pytest.raises(DatabaseBusy, match="Not saved"):
            future.result()
    assert lost.exception() is not None
    assert raters(engine) == 1
    writer.write(conversations.add_rater)
    assert raters(engine) == 2


def test_a_change_that_hides_the_loss_of_the_transaction_is_not_acknowledged(
    writer: Writer,
) -> None:
    def lose_and_go_on(session: Session) -> None:
        session.connection().exec_driver_sql("ROLLBACK")
        session.connection().exec_driver_sql("SAVEPOINT sa_savepoint_1")
        conversations.add_rater(session)

    with pytest.raises(DatabaseBusy, match="gave up the transaction"):
        writer.write(lose_and_go_on)
    writer.write(conversations.add_rater)


def test_a_full_line_says_busy_and_stores_nothing_of_what_it_refused(
    engine: Engine, writer: Writer
) -> None:
    line = Line(writer)
    waiting = [line.join(conversations.add_rater) for _ in range(ROOM)]
    with pytest.raises(DatabaseBusy, match="Not saved: too many changes wait"):
        writer.write(conversations.add_rater)
    line.release()
    assert all(future.exception() is None for future in waiting)
    assert raters(engine) == ROOM + 1


def test_closing_stores_what_waits(engine: Engine) -> None:
    writer = Writer(engine)
    line = Line(writer)
    waiting = [line.join(conversations.add_rater) for _ in range(10)]
    closing = threading.Thread(target=writer.close)
    closing.start()
    line.release()
    closing.join()
    assert all(future.exception() is None for future in waiting)
    assert raters(engine) == 11
    with pytest.raises(RuntimeError, match="closed"):
        writer.write(conversations.add_rater)


def test_a_change_inside_a_change_is_refused_instead_of_waiting_for_ever(writer: Writer) -> None:
    with pytest.raises(RuntimeError, match="session it was given"):
        writer.write(lambda _: writer.write(conversations.add_rater))


def test_a_database_that_another_process_holds_says_busy(engine: Engine) -> None:
    other = sqlite.make_engine(engine.url, sqlite.MIGRATOR)
    with engine.connect() as connection:  # the writer's own connection, made impatient
        connection.exec_driver_sql("PRAGMA busy_timeout=50")
    writer = Writer(engine)
    with other.begin(), pytest.raises(DatabaseBusy, match="database is locked"):
        writer.write(conversations.add_rater)
    writer.write(conversations.add_rater)
    writer.close()
