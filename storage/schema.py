"""Tells whether a database has the tables of this release, and has them made where not.

Knows where a database notes its revision, not what the tables mean.
"""

from pathlib import Path

from sqlalchemy import Engine, inspect

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(engine: Engine, file: Path | None, migrations: Path = MIGRATIONS) -> None:
    """Apply the migrations that this database lacks, all or none of them.

    Raises:
        DatabaseUnusable: as `storage.upgrade.upgrade` tells.
    """
    revision = _revision(engine)
    if revision == _newest(migrations):
        return
    # Alembic takes longer to import than to find that nothing is due, as at nearly every start.
    from storage.upgrade import upgrade  # noqa: PLC0415

    upgrade(engine, file, migrations, revision)


def _revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        noted = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        return None if noted is None else str(noted)


def _newest(migrations: Path) -> str:
    """Return the revision that a database of this release is at: files are named by theirs."""
    return max(file.name.partition("_")[0] for file in (migrations / "versions").glob("*_*.py"))
