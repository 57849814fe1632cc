"""A service with a scripted engine, over a database of its own."""

from collections.abc import Iterator

import pytest

from hitl_chat.service import Service
from hitl_chat.settings import Settings
from storage.database import Database
from storage.home import Home
from tests.scripted import ScriptedEngine


@pytest.fixture
def database(home: Home) -> Iterator[Database]:
    database = Database.open(home)
    yield database
    database.close()


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def service(database: Database, engine: ScriptedEngine, home: Home) -> Service:
    env = {"HITL_DATA_DIR": str(home.folder), "HITL_SECRET": "known"}
    return Service(database, engine, Settings.from_env(env), train_after=16)
