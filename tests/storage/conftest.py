"""Someone who talks in a database; every claim holds on SQLite and on PostgreSQL."""

import pytest

from storage.database import Database
from tests.conftest import either
from tests.storage.memory import Memory
from tests.storage.people import Person


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest) -> str:
    return either(request)


@pytest.fixture
def person(database: Database) -> Person:
    return Person(database)


@pytest.fixture
def depot() -> Memory:
    return Memory()
