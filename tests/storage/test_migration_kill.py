"""A process that dies while it migrates loses nothing: the next one to start finishes the work."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine, inspect, text
from sqlalchemy.engine import URL, make_url

from storage import postgres, schema, sqlite, transcripts
from storage.database import Database
from storage.home import Home
from tests.conftest import env_of
from tests.postgres import Postgres
from tests.storage.test_schema import FIRST, dump, first_release

MIGRATE = """
import os, signal, sys
from sqlalchemy import Engine, event
from storage import upgrade
from storage.database import Database
from storage.home import Home

moment = int(sys.argv[1])
moments = 0

def pass_by(*_):
    global moments
    moments += 1
    if moments == moment:
        os.kill(os.getpid(), signal.SIGKILL)

def half_a_copy(engine, target):
    target.with_name(target.name + ".partial").write_bytes(b"SQLite format 3")
    os.kill(os.getpid(), signal.SIGKILL)

event.listen(Engine, "before_cursor_execute", pass_by)
event.listen(Engine, "commit", pass_by)
if moment == 0:
    upgrade.copy = half_a_copy
database = Database.open(Home.from_env(os.environ))
print(moments)
database.close()
"""
"""Migrates, dies at a moment - before a statement or the commit, or at 0 in the copy -, or counts them."""
NEVER = -1
SOME = 4
"""Moments that are tried, the first and the last among them."""


def migrator(home: Home) -> Engine:
    """An engine to migrate with."""
    url = make_url(home.database_url)
    if url.get_backend_name() == "sqlite":
        return sqlite.make_engine(url, sqlite.MIGRATOR)
    return postgres.make_engine(url.set(drivername="postgresql+psycopg"), postgres.MIGRATOR)


def migrate(home: Home, moment: int) -> int:
    """Migrate in a process of its own, which dies at a moment; returns how many there were."""
    done = subprocess.run(
        [sys.executable, "-c", MIGRATE, str(moment)],
        env={**os.environ, **env_of(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == (0 if moment == NEVER else -signal.SIGKILL), done.stderr
    return int(done.stdout or 0)


def some(moments: int) -> Iterator[int]:
    return (1 + (moments - 1) * place // (SOME - 1) for place in range(SOME))


def ratings(home: Home) -> dict[str, int]:
    database = Database.open(home)
    try:
        with database.read() as session:
            [transcript] = transcripts.read_rated(session)
            return transcript.ratings()
    finally:
        database.close()


def homes(folder: Path) -> Home:
    home = Home(
        folder, URL.create("sqlite", database=str(folder / "feedback.db")).render_as_string()
    )
    home.prepare()
    return home


def test_kill_9_in_a_migration_of_a_file_is_made_good_by_the_next_start(tmp_path: Path) -> None:
    old = homes(tmp_path / "old")
    first_release(old, tmp_path)
    before = dump(old.folder / "feedback.db")
    whole = homes(tmp_path / "whole")
    shutil.copy(old.folder / "feedback.db", whole.folder)
    moments = migrate(whole, NEVER)
    after = dump(whole.folder / "feedback.db")
    assert moments > SOME
    for moment in (0, *some(moments)):
        home = homes(tmp_path / str(moment))
        file = Path(shutil.copy(old.folder / "feedback.db", home.folder))
        migrate(home, moment)
        assert dump(file) == before  # nothing of it, rather than half
        assert ratings(home) == {"m": 1}
        assert dump(file) == after
        assert not list(home.folder.glob("*.partial"))
        [copy] = home.folder.glob("*.before-*")
        assert dump(copy) == before
        engine = migrator(home)
        with engine.connect() as connection:
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
            assert connection.execute(text("PRAGMA foreign_key_check")).all() == []


def test_kill_9_in_a_migration_on_a_server_is_made_good_by_the_next_start(
    postgresql: Postgres, tmp_path: Path
) -> None:
    migrations = tmp_path / "first"
    shutil.copytree(schema.MIGRATIONS, migrations)
    for later in sorted((migrations / "versions").glob("0*.py"))[1:]:
        later.unlink()

    def first() -> Home:
        home = Home(tmp_path, postgresql.fresh())
        schema.migrate(migrator(home), None, migrations)
        with migrator(home).begin() as connection:
            for line in filter(str.strip, FIRST.split(";")):
                connection.execute(text(line))
        return home

    moments = migrate(first(), NEVER)
    for moment in list(some(moments))[1:3]:
        home = first()
        tables = inspect(migrator(home)).get_table_names()
        migrate(home, moment)
        assert inspect(migrator(home)).get_table_names() == tables
        assert ratings(home) == {"m": 1}
