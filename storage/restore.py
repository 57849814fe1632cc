"""Puts a backup in the database's place. Knows files, and what must not come back with an old one.

python -m storage.restore BACKUP
"""

import argparse
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, func, inspect, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from storage import backup, consent, conversations, person, privacy, schema, sqlite
from storage.backup import BackupFailed
from storage.consent import Agreed
from storage.database import Database, DatabaseUnusable, file_of
from storage.home import Home, HomeError, settle
from storage.models import Consent, Erasure, now

WAL = "-wal"


class StillOpen(RuntimeError):
    """Something works with the database that is to be replaced; shown to whoever ran the command."""


@dataclass(frozen=True)
class Restored:
    """Where what was there before lies now, if anything was, and whether it told who was erased."""

    before: Path | None
    known: bool


@dataclass
class _Since:
    """What must not be forgotten with the newer database: who was erased, who agreed to what."""

    erased: list[Erasure] = field(default_factory=list)
    agreed: dict[str, Agreed] = field(default_factory=dict)


def restore(home: Home, source: Path) -> Restored:
    """Put a backup in the database's place.

    Who was erased since then is erased in it, and what people agreed to since then holds, as long
    as the present database can tell.

    Raises:
        BackupFailed: the backup can't be read, is not whole, or this is not SQLite.
        StillOpen: the app or the trainer runs.
        DatabaseUnusable: a newer release made the backup.
    """
    file = file_of(home)
    if file is None:
        raise BackupFailed("This is not SQLite. Use its own tool, such as pg_restore.")
    home.prepare()
    incoming = file.with_name(f"{file.name}.incoming")
    try:
        with home.copying():
            shutil.copyfile(source, incoming)
            backup.check(incoming)
            since = _since(file) if file.exists() else None
            _bring_up_to_date(incoming, since or _Since())
            before = _put_aside(file)
            incoming.replace(file)
            settle(file.parent)
    except OSError as error:
        raise BackupFailed(
            f"{source} can't be put at {file} ({error}). Name a readable one."
        ) from error
    finally:
        for ending in ("", *sqlite.BESIDE):
            incoming.with_name(incoming.name + ending).unlink(missing_ok=True)
    with closing(Database.open(home)) as database:
        privacy.finish(database, home)
    return Restored(before, since is not None)


def _engine(file: Path) -> Engine:
    return sqlite.make_engine(URL.create("sqlite", database=str(file)), sqlite.MIGRATOR)


def _since(file: Path) -> _Since | None:
    """Read what must not be forgotten, after making sure of being alone; None if it can't be read."""
    library = sqlite.choose_library()
    try:
        with closing(library.connect(file, timeout=1)) as raw:
            raw.execute("PRAGMA journal_mode=DELETE")  # only works alone; takes the log in
    except library.OperationalError as error:
        raise StillOpen(
            f"{file} is in use ({error}). End the app and the trainer first."
        ) from error
    except library.DatabaseError:
        return None
    try:
        with Session(_engine(file), expire_on_commit=False) as s:
            if not inspect(s.connection()).has_table(Consent.__tablename__):
                return _Since()
            newest = select(func.max(Consent.id)).group_by(Consent.rater_id)
            rows = s.scalars(select(Consent).where(Consent.id.in_(newest)))
            agreed = {row.rater_id: Agreed(row.store, row.train, row.publish) for row in rows}
            return _Since(list(s.scalars(select(Erasure).order_by(Erasure.id))), agreed)
    except DBAPIError:
        return None


def _bring_up_to_date(incoming: Path, since: _Since) -> None:
    engine = _engine(incoming)
    schema.migrate(engine, None)  # the backup itself is the copy to go back to
    with Session(engine) as s, s.begin():
        for rater, agreed in since.agreed.items():
            _agree(s, rater, agreed)
        known = {(one.rater_id, one.created_at) for one in s.scalars(select(Erasure))}
        for one in since.erased:
            if (one.rater_id, one.created_at) not in known:
                _erase(s, one, known=one.rater_id in since.agreed)
    with closing(sqlite.choose_library().connect(incoming)) as raw:
        raw.execute("PRAGMA journal_mode=DELETE")  # one file again, whole by itself
    settle(incoming)


def _agree(s: Session, rater: str, agreed: Agreed) -> None:
    """Let hold what a person agreed to, also if only a newer backup has them."""
    if consent.given(s, rater) != agreed:
        consent.give(s, rater, agreed)


def _erase(s: Session, erasure: Erasure, *, known: bool) -> None:
    """Erase once more whoever is here, and remember it, as another backup may have them."""
    rater, there = erasure.rater_id, conversations.has_rater(s, erasure.rater_id)
    s.add(
        Erasure(
            rater_id=rater,
            cycles=person.readers(s, rater),  # this file's own: others may get the same numbers
            created_at=erasure.created_at,
            finished_at=None if there else erasure.finished_at,
        )
    )
    if there:
        person.delete_rows(s, rater, known=known)


def _put_aside(file: Path) -> Path | None:
    """Copy what is there, so that at no moment there is no database; its log goes with it."""
    aside = file.with_name(f"{file.name}.before-restore-{now():%Y%m%d-%H%M%S-%f}")
    log = file.with_name(file.name + WAL)
    if file.exists():
        partial = aside.with_name(f"{aside.name}.partial")
        shutil.copyfile(file, partial)
        partial.replace(aside)
        if log.exists():
            log.replace(aside.with_name(aside.name + WAL))
    for ending in sqlite.BESIDE:
        file.with_name(file.name + ending).unlink(missing_ok=True)
    return aside if file.exists() else None


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Restore a backup; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m storage.restore", description="Put a backup in the database's place."
    )
    parser.add_argument("backup", type=Path, help="a file that storage.backup made")
    wanted = parser.parse_args(argv)
    try:
        done = restore(Home.from_env(env), wanted.backup)
    except (DatabaseUnusable, HomeError, BackupFailed, StillOpen, privacy.TracesLeft) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{wanted.backup} is in place.\n")
    if done.before:
        sys.stdout.write(f"What was there before is {done.before}.\n")
    if not done.known:
        sys.stdout.write("Nothing tells whom you erased since the backup: erase them again.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
