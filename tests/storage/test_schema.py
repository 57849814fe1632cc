import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine
from sqlalchemy.engine import URL

from storage import schema, sqlite, transcripts
from storage.database import Database, DatabaseUnusable
from storage.home import Home
from storage.models import Base
from tests.storage.people import Person

NEXT = """
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "9999", "{newest}", None, None
def upgrade():
    op.create_table("later", sa.Column("id", sa.Integer(), primary_key=True))
    {body}
"""


@pytest.fixture
def address() -> str:
    """The file's own; PostgreSQL has claims of its own."""
    return ""


@pytest.fixture
def file(home: Home) -> Path:
    """A database of this release, with a rating in it."""
    database = Database.open(home)
    person = Person(database)
    person.rate(person.ask("Hi", "Hello")[0], 1)
    database.close()
    return home.folder / "feedback.db"


@pytest.fixture
def engine(file: Path) -> Engine:
    return sqlite.make_engine(URL.create("sqlite", database=str(file)), sqlite.MIGRATOR)


def next_release(folder: Path, body: str = "pass") -> Path:
    """The migrations of this release and one more."""
    migrations = folder / "migrations"
    shutil.copytree(schema.MIGRATIONS, migrations)
    *_, newest = sorted(file.name[:4] for file in (migrations / "versions").glob("0*.py"))
    later = NEXT.format(body=body, newest=newest)
    (migrations / "versions" / "9999_later.py").write_text(later)
    return migrations


FIRST = """
INSERT INTO raters VALUES ('r', '2026-01-01');
INSERT INTO conversations VALUES ('c', 'r', 'm', '2026-01-01');
INSERT INTO messages (id, conversation_id, role, text, created_at)
    VALUES ('m', 'c', 'assistant', 'Hello', '2026-01-01');
INSERT INTO feedback (rater_id, message_id, kind, value, created_at)
    VALUES ('r', 'm', 'rating', 1, '2026-01-01');
"""
"""A rating, as the first release stored it."""


def first_release(home: Home, folder: Path) -> Path:
    """A database that the first release made."""
    migrations = folder / "first"
    shutil.copytree(schema.MIGRATIONS, migrations)
    for later in sorted((migrations / "versions").glob("0*.py"))[1:]:
        later.unlink()
    file = home.folder / "feedback.db"
    engine = sqlite.make_engine(URL.create("sqlite", database=str(file)), sqlite.MIGRATOR)
    schema.migrate(engine, file, migrations)
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(FIRST)
    return file


def dump(file: Path) -> list[str]:
    connection = sqlite3.connect(file)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def test_the_migrations_make_what_the_models_say(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_twice_is_a_noop(engine: Engine, file: Path) -> None:
    before = dump(file)
    schema.migrate(engine, file)
    assert dump(file) == before
    assert sorted(file.parent.glob("*.before-*")) == []


def test_what_the_first_release_stored_is_kept_and_trained_on(home: Home, tmp_path: Path) -> None:
    first_release(home, tmp_path)
    with closing(Database.open(home)) as database, database.read() as session:
        [transcript] = transcripts.read_rated(session)
        assert transcript.ratings() == {"m": 1}
        assert list(transcripts.read_rated(session, "publish")) == []


def test_data_is_copied_before_it_is_migrated(engine: Engine, file: Path, tmp_path: Path) -> None:
    before = dump(file)
    schema.migrate(engine, file, next_release(tmp_path))
    assert "later" in "".join(dump(file))
    assert dump(file.with_name("feedback.db.before-9999")) == before


def test_without_room_for_a_copy_nothing_is_migrated(
    engine: Engine, file: Path, tmp_path: Path
) -> None:
    before = dump(file)
    file.with_name("feedback.db.before-9999").mkdir()  # in the way
    with pytest.raises(DatabaseUnusable, match=r"no copy could be made at .*before-9999"):
        schema.migrate(engine, file, next_release(tmp_path))
    assert dump(file) == before


def test_processes_that_start_together_migrate_once(home: Home) -> None:
    with ThreadPoolExecutor(4) as pool:
        databases = list(pool.map(lambda _: Database.open(home), range(4)))
    for database in databases:
        database.write(lambda s: s.flush())
        database.close()


def test_a_migration_that_fails_changes_nothing(engine: Engine, file: Path, tmp_path: Path) -> None:
    before = dump(file)
    with pytest.raises(ZeroDivisionError):
        schema.migrate(engine, file, next_release(tmp_path, body="1 / 0"))
    assert dump(file) == before


def test_a_migration_that_leaves_rows_dangling_is_undone(
    engine: Engine, file: Path, tmp_path: Path
) -> None:
    before = dump(file)
    migrations = next_release(tmp_path, body='op.execute("DELETE FROM messages")')
    with pytest.raises(DatabaseUnusable, match="missing ones in feedback"):
        schema.migrate(engine, file, migrations)
    assert dump(file) == before


def test_a_database_of_a_newer_release_is_refused(
    engine: Engine, file: Path, home: Home, tmp_path: Path
) -> None:
    schema.migrate(engine, file, next_release(tmp_path))
    with pytest.raises(DatabaseUnusable, match=r"revision '9999'.*Update the app"):
        Database.open(home)


def test_ids_of_deleted_rows_are_never_given_away_again(file: Path) -> None:
    tables = {"feedback", "signals", "cycles", "serving", "consents", "erasures"}
    made = {line for line in dump(file) if "AUTOINCREMENT" in line}
    assert {table for table in tables if any(f"TABLE {table} " in line for line in made)} == tables


def test_what_an_erasure_deletes_is_found_by_every_foreign_key_without_reading_a_table() -> None:
    erased = {"raters", "conversations", "messages"}
    for table in Base.metadata.sorted_tables:
        keys = [list(table.primary_key.columns), *(list(index.columns) for index in table.indexes)]
        for foreign in table.foreign_keys:
            if foreign.column.table.name in erased:
                assert any(key[0] is foreign.parent for key in keys), foreign


NOTHING_DUE = """
import sys
from contextlib import closing
from storage.database import Database
from storage.home import Home
with closing(Database.open(Home.from_env({"HITL_DATA_DIR": sys.argv[1]}))):
    print("alembic" in sys.modules)
"""


def test_alembic_is_left_out_where_no_migration_is_due(file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", NOTHING_DUE, str(file.parent)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"


def test_migrations_are_named_by_their_revisions() -> None:
    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    scripts = list(ScriptDirectory.from_config(config).walk_revisions())
    assert len(scripts) > 1
    for script in scripts:
        assert Path(script.path).name.startswith(f"{script.revision}_")
    assert scripts[0].revision == max(script.revision for script in scripts)
