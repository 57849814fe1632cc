from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from storage.database import Database
from storage.sqlite import DatabaseUnusable, choose_library, wal_reset_fixed


@pytest.fixture
def address() -> str:
    """The file's own; PostgreSQL has claims of its own."""
    return ""


def library(version: str) -> ModuleType:
    module: Any = ModuleType("library")
    module.sqlite_version = version
    module.sqlite_version_info = tuple(int(part) for part in version.split("."))
    return module  # type: ignore[no-any-return]


@pytest.mark.parametrize("version", ["3.51.3", "3.53.4", "3.50.7", "3.44.6", "4.0.0"])
def test_a_mended_sqlite_is_taken(version: str) -> None:
    assert wal_reset_fixed(library(version).sqlite_version_info)


@pytest.mark.parametrize("version", ["3.40.1", "3.51.2", "3.51.0", "3.50.6", "3.44.5", "3.45.0"])
def test_a_sqlite_that_loses_commits_is_not(version: str) -> None:
    assert not wal_reset_fixed(library(version).sqlite_version_info)


def test_the_first_mended_library_is_chosen() -> None:
    old, new = library("3.40.1"), library("3.53.4")
    assert choose_library([old, new]) is new


def test_with_only_vulnerable_libraries_one_line_says_what_to_install() -> None:
    with pytest.raises(
        DatabaseUnusable, match=r"SQLite 3\.40\.1 .*pip install pysqlite3"
    ) as caught:
        choose_library([library("3.40.1")])
    assert "\n" not in str(caught.value)


def test_this_environment_brings_a_mended_sqlite() -> None:
    assert wal_reset_fixed(choose_library().sqlite_version_info)


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("secure_delete", 1)],
)
def test_the_writing_connection_is_durable_and_strict(
    database: Database, pragma: str, value: object
) -> None:
    assert database.write(lambda s: s.scalar(text(f"PRAGMA {pragma}"))) == value


def test_a_reader_can_not_write(database: Database) -> None:
    with database.read() as session, pytest.raises(OperationalError, match="readonly"):
        session.execute(text("DELETE FROM raters"))
