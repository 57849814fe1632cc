import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest

from hitl_chat.abandoned import Abandoned
from hitl_chat.service import Service, Started
from storage.database import Database
from tests.conftest import on_sqlite
from tests.hitl_chat.visits import Rows

SOON = timedelta(seconds=0.02)
on_postgresql = pytest.mark.parametrize("address", ["postgresql"], indirect=True)


@contextmanager
def writing(service: Service, who: Started) -> Iterator[None]:
    """Leave an answer open meanwhile, as a killed process leaves one for good."""
    stream = service.ask(who.rater, who.conversation, "one two")
    with closing(stream):  # type: ignore[type-var]
        next(stream)
        yield


def test_what_a_killed_process_left_open_is_closed(
    service: Service, me: Started, database: Database, rows: Rows
) -> None:
    with writing(service, me):
        Abandoned(database, timedelta(0)).look()
        assert rows()[1].stop_reason == "closed"


@on_postgresql
def test_what_another_process_may_be_writing_stays_open(
    service: Service, me: Started, database: Database, rows: Rows
) -> None:
    with writing(service, me):
        Abandoned(database).look()
        assert rows()[1].stop_reason is None


@on_postgresql
def test_what_was_too_young_at_first_is_closed_later(
    service: Service, me: Started, database: Database, rows: Rows
) -> None:
    with writing(service, me), closing(Abandoned(database, SOON)) as abandoned:
        abandoned.start()
        until = time.monotonic() + 30
        while rows()[1].stop_reason is None:
            assert time.monotonic() < until
            time.sleep(0.01)
        assert rows()[1].stop_reason == "closed"


@on_sqlite
def test_what_this_process_writes_alone_stays_open(
    service: Service, me: Started, database: Database, rows: Rows
) -> None:
    with writing(service, me), closing(Abandoned(database, SOON)) as abandoned:
        abandoned.start()
        time.sleep(0.2)
        assert rows()[1].stop_reason is None
