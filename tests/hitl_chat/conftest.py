"""A service with a scripted engine and two people, over a database of its own."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select

from hitl_chat.service import Service, Started
from hitl_chat.settings import Settings
from storage.database import Database
from storage.home import Home
from storage.models import Message, Signal
from tests.scripted import ScriptedEngine


@pytest.fixture
def settings(home: Home) -> Settings:
    return Settings.from_env({"HITL_DATA_DIR": str(home.folder), "HITL_SECRET": "known"})


@pytest.fixture
def database(home: Home) -> Iterator[Database]:
    database = Database.open(home)
    yield database
    database.close()


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def service(database: Database, engine: ScriptedEngine, settings: Settings) -> Service:
    return Service(database, engine, settings, train_after=16)


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
