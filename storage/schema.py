"""Brings a database to the tables of this release. Knows Alembic, not what the tables mean."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine

from storage.sqlite import DatabaseUnusable, choose_library, copy

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(engine: Engine, file: Path | None, migrations: Path = MIGRATIONS) -> None:
    """Apply the migrations that this database lacks, all or none of them.

    A SQLite database that holds data is copied beside itself first: `feedback.db.before-0002`.

    Raises:
        DatabaseUnusable: a newer release made it, no copy can be made, or its rows don't fit
            together.
    """
    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    head = script.get_current_head()
    current = _revision(engine)
    if current == head:
        return
    _check_known(script, current)
    if file and current:
        _copy(engine, file.with_name(f"{file.name}.before-{head}"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if file:
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
            if broken:
                raise DatabaseUnusable(
                    f"Database {file} was left as it was: migrating to {head} found rows that refer "
                    f"to missing ones in {', '.join(sorted({row[0] for row in broken}))}."
                )


def _revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _check_known(script: ScriptDirectory, revision: str | None) -> None:
    try:
        script.get_revisions(revision or ())
    except CommandError as error:
        raise DatabaseUnusable(
            f"The database is at revision '{revision}', which this release doesn't know. "
            "Update the app to the release that made it."
        ) from error


def _copy(engine: Engine, target: Path) -> None:
    """Copy what is about to change. A copy of an earlier try is replaced."""
    try:
        copy(engine, target)
    except (choose_library().Error, OSError) as error:
        raise DatabaseUnusable(
            f"The database must be migrated, and no copy could be made at {target} first ({error}). "
            "Make room there, or give this user write access."
        ) from error
