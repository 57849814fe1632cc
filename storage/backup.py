"""Copies of the database, made while others write, and checked. Knows no row.

python -m storage.backup [--out FILE]
"""

import argparse
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import URL

from storage import sqlite
from storage.database import Database, DatabaseUnusable
from storage.home import Home, HomeError
from storage.models import now


class BackupFailed(RuntimeError):
    """There is no new backup; shown to whoever ran the command."""


def make(database: Database, home: Home, out: Path | None = None) -> Path:
    """Write a backup to `out`, or to the data folder under the present time; returns the file.

    Raises:
        BackupFailed: it can't be written, is there already, or is not whole.
    """
    if database.file is None:
        raise BackupFailed("This is not SQLite. Use its own tool, such as pg_dump.")
    target = out or home.backups / f"{now():%Y%m%d-%H%M%S-%f}.db"
    if target.exists():  # it may be the database itself, which its log would then spoil
        raise BackupFailed(f"{target} is there already. Name a new file with --out.")
    engine = sqlite.make_engine(URL.create("sqlite", database=str(database.file)), sqlite.MIGRATOR)
    try:
        if out is None:
            home.backups.mkdir(exist_ok=True)
        with home.copying():
            sqlite.copy(engine, target)
            check(target)
    except (sqlite.choose_library().Error, OSError) as error:
        raise BackupFailed(
            f"No backup at {target} ({error}). Make room there, or name another place with --out."
        ) from error
    return target


def check(file: Path) -> None:
    """Read a copy from end to end.

    Raises:
        BackupFailed: it is not whole.
    """
    library = sqlite.choose_library()
    try:
        with closing(library.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as copy:
            found = [row[0] for row in copy.execute("PRAGMA integrity_check(10)")]
            copy.execute("SELECT count(*) FROM raters")
    except library.Error as error:
        found = [str(error)]
    if found != ["ok"]:
        raise BackupFailed(f"{file} is no whole database ({'; '.join(found)}). Use another one.")


def sweep(home: Home) -> None:
    """Remove the folders that a killed process was making a copy in."""
    for begun in (*home.folder.glob(".snapshot-*"), *home.folder.glob(".restore-*")):
        shutil.rmtree(begun, ignore_errors=True)  # one that is made just now fails, and begins anew


def halves(database: Database) -> list[Path]:
    """Return what a killed process left of a copy that was to take the database's place."""
    if database.file is None:
        return []
    return list(database.file.parent.glob(f"{database.file.name}.incoming*"))


def copies(database: Database, home: Home) -> list[Path]:
    """Return the copies that migrating and restoring left, and all that lies in the backups' folder.

    There a copy may have any name, and whoever packed one may have left it there.
    """
    if database.file is None:
        return []
    beside = database.file.parent.glob(f"{database.file.name}.before-*")
    found = {*beside, *(path for path in home.backups.rglob("*") if path.is_file())}
    return sorted(file for file in found if not file.name.endswith(sqlite.BESIDE))


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Make a backup; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m storage.backup", description="Copy the database while the app runs."
    )
    parser.add_argument("--out", metavar="FILE", type=Path, help="where, instead of data/backups")
    wanted = parser.parse_args(argv)
    home = Home.from_env(env)
    try:
        with closing(Database.existing(home)) as database:
            made = make(database, home, wanted.out)
    except (DatabaseUnusable, HomeError, BackupFailed) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{made} is whole.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
