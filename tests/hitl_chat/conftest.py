"""Two people who use the service, on SQLite and on PostgreSQL, and what is stored of them."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from hitl_chat.service import Service, Started
from storage.database import Database
from storage.models import Message, Signal
from tests.conftest import either


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest) -> str:
    return either(request)


@pytest.fixture
def me(service: Service) -> Started:
    return service.start()


@pytest.fixture
def stranger(service: Service) -> Started:
    return service.start()


@pytest.fixture
def rows(database: Database) -> Callable[[], list[Message]]:
    def read() -> list[Message]:
        with database.read() as session:
            return list(session.scalars(select(Message).order_by(Message.created_at)))

    return read


@pytest.fixture
def kinds(database: Database) -> Callable[[], list[str]]:
    def read() -> list[str]:
        with database.read() as session:
            return list(session.scalars(select(Signal.kind).order_by(Signal.id)))

    return read
