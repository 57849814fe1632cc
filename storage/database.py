"""Opens the database and hands out sessions: many to read with, one thread to write. Knows no table.

SQLite and PostgreSQL are set up by `storage.sqlite` and `storage.postgres`, to behave alike.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from storage import disk, postgres, schema, sqlite
from storage.home import Home
from storage.postgres import SeatTaken
from storage.sqlite import DatabaseUnusable
from storage.writer import DatabaseBusy, NotStorable, Writer

__all__ = [
    "Database",
    "DatabaseBusy",
    "DatabaseUnusable",
    "NoDatabase",
    "NotStorable",
    "SeatTaken",
]

T = TypeVar("T")


class NoDatabase(DatabaseUnusable):
    """There is none yet, where one was expected; shown to whoever ran a command."""


class Database:
    """The one way to the tables. Open it once in each process and close it at the end."""

    def __init__(self, readers: Engine, writers: Engine, file: Path | None) -> None:
        self.file = file
        """The file of a SQLite database."""
        self._engines = (readers, writers)
        self._session = sessionmaker(readers, expire_on_commit=False)
        self._writer = Writer(writers)

    @classmethod
    def open(cls, home: Home) -> "Database":
        """Make the data folder and the database if need be, and bring its tables up to date.

        Raises:
            HomeError: the data folder can't be written.
            DatabaseUnusable: the database can't be opened, or isn't safe with this SQLite or there.
        """
        home.prepare()
        url, file = _locate(home)
        shown = url.render_as_string(hide_password=True)
        try:
            if file is None:
                schema.migrate(postgres.make_engine(url, postgres.MIGRATOR), None)
                return cls(
                    postgres.make_engine(url, postgres.READER),
                    postgres.make_engine(url, postgres.WRITER),
                    None,
                )
            disk.refuse_remote(file)
            migrator = sqlite.make_engine(url, sqlite.MIGRATOR)
            schema.migrate(migrator, file)
            reader, writer = (sqlite.make_engine(url, r) for r in (sqlite.READER, sqlite.WRITER))
            return cls(reader, writer, file)
        except DBAPIError as error:
            raise DatabaseUnusable(
                f"Database {shown} can't be opened ({_line(error.orig)}). Check HITL_DATABASE_URL, "
                "and that its server is up, or that this user may write the file and its folder."
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

    @property
    def shared(self) -> bool:
        """Whether several chat processes may use it at once."""
        return self._engines[0].dialect.name != "sqlite"

    def seat(self) -> AbstractContextManager[Callable[[], None]]:
        """Be the one trainer of a shared database; yields what raises if that was lost.

        SQLite has one data folder, whose own lock says the same.

        Raises:
            SeatTaken: another process trains.
        """
        return postgres.seat(self._engines[0].url) if self.shared else nullcontext(_nothing)

    def seat_taken(self) -> bool:
        """Tell whether another process trains from a shared database; True while nobody can tell."""
        if not self.shared:
            return False
        try:
            with self.read() as session:
                return postgres.seat_taken(session)
        except SQLAlchemyError:  # a trainer couldn't read anything either
            return True

    def scrub(self) -> bool:
        """Leave no byte of what was deleted in the file and its log; any other database does itself.

        False if others use it so much that this can't be done: try again later.
        """
        if self.file is None:
            return True
        return sqlite.scrub(sqlite.make_engine(self._engines[1].url, sqlite.MIGRATOR))

    def close(self) -> None:
        """Store what still waits, then let go of the database."""
        self._writer.close()
        for engine in self._engines:
            engine.dispose()


def file_of(home: Home) -> Path | None:
    """Return the database's file; None where a server keeps it.

    Raises:
        DatabaseUnusable: HITL_DATABASE_URL names no database.
    """
    return _locate(home)[1]


def _locate(home: Home) -> tuple[URL, Path | None]:
    """Return the database's address, and its file if it is SQLite.

    What many hosts hand out as `postgres://` is understood.
    """
    try:
        url = make_url(home.database_url)
        if url.drivername in {"postgres", "postgresql"}:
            url = url.set(drivername="postgresql+psycopg")
    except ArgumentError as error:
        raise DatabaseUnusable(
            "HITL_DATABASE_URL is no database address. Use one like sqlite:////data/feedback.db."
        ) from error
    if url.get_backend_name() == "postgresql":
        return url, None
    if url.get_backend_name() != "sqlite":
        raise DatabaseUnusable(
            f"HITL_DATABASE_URL names a {url.get_backend_name()} database. Use sqlite or postgresql."
        )
    if not url.database or url.database == ":memory:":
        raise DatabaseUnusable(
            "HITL_DATABASE_URL names no file; chat and trainer could not share what is in memory. "
            "Use one like sqlite:////data/feedback.db."
        )
    return url, Path(url.database).absolute()


def _line(error: BaseException | None) -> str:
    """Return an error's first line; psycopg's go on with where it looked."""
    return (str(error).splitlines() or [""])[0]


def _nothing() -> None:
    """Nobody can take SQLite's seat from under its holder."""
