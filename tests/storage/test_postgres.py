import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import String, cast, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from storage import conversations, postgres
from storage.database import Database, DatabaseBusy, SeatTaken
from storage.home import Home
from storage.models import Base, Cycle, Rater
from tests.postgres import FOREIGN, Postgres
from tests.storage.people import Person


@pytest.fixture
def address(postgresql: Postgres, shared: str) -> str:
    """SQLite has claims of its own."""
    postgresql.empty(shared)
    return shared


@pytest.fixture
def other(home: Home) -> Iterator[Database]:
    """The same database, as another process has it open."""
    database = Database.open(home)
    yield database
    database.close()


def test_the_migrations_make_what_the_models_say(home: Home, database: Database) -> None:
    engine = postgres.make_engine(make_url(home.database_url), postgres.MIGRATOR)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_processes_that_start_together_migrate_once(postgresql: Postgres, home: Home) -> None:
    fresh = Home(home.folder, postgresql.fresh())
    with ThreadPoolExecutor(4) as pool:
        databases = list(pool.map(lambda _: Database.open(fresh), range(4)))
    for database in databases:
        database.write(conversations.add_rater)
        database.close()


def test_an_address_as_many_hosts_hand_it_out_is_understood(home: Home) -> None:
    database = Database.open(
        Home(home.folder, home.database_url.replace("postgresql://", "postgres://"))
    )
    assert database.shared
    database.close()


def test_ids_become_visible_in_the_order_in_which_they_count(
    database: Database, other: Database
) -> None:
    opened, go_on = threading.Event(), threading.Event()

    def slow(s: Session) -> int:
        row = _cycle(s)
        opened.set()
        go_on.wait(10)
        return row

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(database.write, slow)
        opened.wait(10)
        second = pool.submit(other.write, _cycle)
        with database.read() as session:  # the younger id isn't there before the older one
            assert session.scalar(select(func.max(Cycle.id))) is None
        assert not second.done()
        go_on.set()
        assert first.result() < second.result()


def _cycle(s: Session) -> int:
    cycle = Cycle(status="running", phase="mark", mark=0)
    s.add(cycle)
    s.flush()
    return cycle.id


def test_a_reader_can_not_write(database: Database) -> None:
    with database.read() as session, pytest.raises(DBAPIError, match="read-only"):
        session.execute(text("DELETE FROM raters"))


def test_after_the_server_hung_up_both_go_on(postgresql: Postgres, database: Database) -> None:
    database.write(conversations.add_rater)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Rater)) == 1
    postgresql.hang_up()
    database.write(conversations.add_rater)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Rater)) == 2


def test_a_change_during_which_the_server_hangs_up_is_not_acknowledged(
    postgresql: Postgres, database: Database
) -> None:
    def lose(s: Session) -> None:
        conversations.add_rater(s)
        postgresql.hang_up()

    with pytest.raises((DatabaseBusy, DBAPIError)):
        database.write(lose)
    database.write(conversations.add_rater)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Rater)) == 1


def test_an_answer_may_hold_what_postgresql_takes_in_no_text(database: Database) -> None:
    person = Person(database)
    person.ask("Hi", "a\x00b\ud800c")
    with database.read() as session:
        stored = conversations.latest(session, person.id)
        assert stored
        assert conversations.branch(session, stored)[-1].text == "ab?c"


def test_times_are_utc_whatever_zone_the_server_has(database: Database) -> None:
    noon = datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    rater = database.write(lambda s: _rater_of(s, noon))
    with database.read() as session:
        servers = text("SELECT reset_val FROM pg_settings WHERE name = 'TimeZone'")
        assert f"timezone={session.scalar(servers)}" in FOREIGN
        told = select(cast(Rater.created_at, String)).where(Rater.id == rater)
        assert session.scalar(told) == "2026-07-01 10:00:00+00"
        stored = session.get_one(Rater, rater).created_at
    assert stored == noon
    assert stored.tzinfo is UTC


def _rater_of(s: Session, when: datetime) -> str:
    rater = Rater(created_at=when)
    s.add(rater)
    s.flush()
    return rater.id


def test_one_process_trains_and_others_see_it(database: Database, other: Database) -> None:
    assert not other.seat_taken()
    with database.seat() as check:
        check()
        assert other.seat_taken()
        with pytest.raises(SeatTaken, match="Another trainer"), other.seat():
            pass
    assert not other.seat_taken()
    with other.seat():
        pass


def test_while_no_connection_is_free_the_seat_counts_as_taken(home: Home) -> None:
    narrow = postgres.Role(False, "60s", {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.1})
    readers, writers = (
        postgres.make_engine(make_url(home.database_url), role)
        for role in (narrow, postgres.WRITER)
    )
    database = Database(readers, writers, None)
    with database.read() as session:
        session.scalar(select(1))
        assert database.seat_taken()
    assert not database.seat_taken()
    database.close()


def test_who_lost_the_seat_hears_of_it(postgresql: Postgres, database: Database) -> None:
    with database.seat() as check:
        check()
        postgresql.hang_up()
        with pytest.raises(DBAPIError), database.seat():
            check()
