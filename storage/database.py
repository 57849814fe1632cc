"""Opens the database and hands out sessions: many to read with, one thread to write. Knows no table.

SQLite is set up as its durability needs (`storage.sqlite`); any other database gets a plain engine.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.orm import Session, sessionmaker

from storage import schema, sqlite
from storage.home import Home
from storage.sqlite import DatabaseUnusable
from storage.writer import DatabaseBusy, Writer

__all__ = ["Database", "DatabaseBusy", "DatabaseUnusable", "NoDatabase"]

T = TypeVar("T")


class NoDatabase(DatabaseUnusable):
    """There is none yet, where one was expected; shown to whoever ran a command."""


class Database:
    """The one way to the tables. Open it once in each process and close it at the end."""

    def __init__(self, readers: Engine, writers: Engine) -> None:
        self._engines = (readers, writers)
        self._session = sessionmaker(readers, expire_on_commit=False)
        self._writer = Writer(writers)

    @classmethod
    def open(cls, home: Home) -> "Database":
        """Make the data folder and the database if need be, and bring its tables up to date.

        Raises:
            HomeError: the data folder can't be written.
            DatabaseUnusable: the database can't be opened, or this SQLite isn't safe.
        """
        home.prepare()
        url, file = _locate(home)
        shown = url.render_as_string(hide_password=True)
        try:
            if file is None:
                engine = create_engine(url, pool_pre_ping=True, pool_recycle=1_800)
                schema.migrate(engine, None)
                return cls(engine, engine)
            migrator = sqlite.make_engine(url, sqlite.MIGRATOR)
            schema.migrate(migrator, file)
            return cls(
                sqlite.make_engine(url, sqlite.READER), sqlite.make_engine(url, sqlite.WRITER)
            )
        except DBAPIError as error:
            raise DatabaseUnusable(
                f"Database {shown} can't be opened ({error.orig}). Check HITL_DATABASE_URL, and "
                "that this user may write the file and its folder."
            ) from error
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
            raise DatabaseUnusable(
                f"Database {shown} can't be used ({error}). Correct HITL_DATABASE_URL, or install "
                "the driver it names."
            ) from error

    @classmethod
    def existing(cls, home: Home) -> "Database":
        """Open as `open` does, but don't make a SQLite database that isn't there.

        Raises:
            NoDatabase: there is none yet.
            HomeError, DatabaseUnusable: as `open`.
        """
        file = _locate(home)[1]
        if file and not file.is_file():
            raise NoDatabase(
                f"No database at {file} yet. Start the app once, or set HITL_DATA_DIR to its folder."
            )
        return cls.open(home)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session that sees one moment of the database. SQLite lets it write nothing."""
        with self._session() as session:
            yield session

    def write(self, work: Callable[[Session], T]) -> T:
        """Run `work` on the writer thread and return what it returns, once that is on disk.

        What `work` raises is raised here, and undone alone. Rows that it returns are detached from
        their session and keep their values.

        Raises:
            DatabaseBusy: nothing was stored; trying again shortly may work.
        """
        return self._writer.write(work)

    def close(self) -> None:
        """Store what still waits, then let go of the database."""
        self._writer.close()
        for engine in self._engines:
            engine.dispose()


def _locate(home: Home) -> tuple[URL, Path | None]:
    """Return the database's address, and its file if it is SQLite."""
    try:
        url = make_url(home.database_url)
    except ArgumentError as error:
        raise DatabaseUnusable(
            "HITL_DATABASE_URL is no database address. Use one like sqlite:////data/feedback.db."
        ) from error
    if url.get_backend_name() != "sqlite":
        return url, None
    if not url.database or url.database == ":memory:":
        raise DatabaseUnusable(
            "HITL_DATABASE_URL names no file; chat and trainer could not share what is in memory. "
            "Use one like sqlite:////data/feedback.db."
        )
    return url, Path(url.database).absolute()
