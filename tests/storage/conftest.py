"""A database in an empty data folder, and people who talk in it."""

from collections.abc import Iterator

import pytest

from storage.database import Database
from storage.home import Home
from tests.storage.people import Person


@pytest.fixture
def database(home: Home) -> Iterator[Database]:
    database = Database.open(home)
    yield database
    database.close()


@pytest.fixture
def person(database: Database) -> Person:
    return Person(database)
