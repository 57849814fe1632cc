"""Someone who talks in a database."""

import pytest

from storage.database import Database
from tests.storage.people import Person


@pytest.fixture
def person(database: Database) -> Person:
    return Person(database)
