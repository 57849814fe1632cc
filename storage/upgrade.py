"""Applies the migrations that a database lacks. Knows Alembic, not what the tables mean."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine

from storage.sqlite import DatabaseUnusable, choose_library, copy


def upgrade(engine: Engine, file: Path | None, migrations: Path, revision: str | None) -> None:
    """Bring a database from `revision` to the newest one, all of the way or not at all.

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
    _check_known(script, revision)
    if file and revision:
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
