"""One person's data as a whole: shown, and erased without a trace. Knows no page.

python -m storage.privacy --show RATER
python -m storage.privacy --erase RATER
python -m storage.privacy --list
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from storage import backup, conversations, person, sqlite
from storage.database import Database, DatabaseBusy, DatabaseUnusable
from storage.home import Home, HomeError
from storage.models import Erasure, now


class TracesLeft(RuntimeError):
    """The rows are gone, and a copy of them could not be cleared yet; shown to whoever asked."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"Erased, but {what}. It is tried again when the app starts, or when the host runs "
            "`python -m storage.privacy --erase`."
        )


def erase(database: Database, home: Home, rater_id: str, *, known: bool = False) -> list[str]:
    """Erase a person wherever this installation keeps them; returns the versions that learned from them.

    With `known`, who they are and what they agreed to stays: that they are not to be stored.

    Raises:
        ValueError: there is no such person, and there was none who was erased.
        TracesLeft: some copy could not be cleared; `finish` goes on with it.
    """

    def work(s: Session) -> tuple[int, list[str]]:
        if not was_erased(s, rater_id) and not conversations.has_rater(s, rater_id):
            raise ValueError(f"No rater '{rater_id}'. The page shows each person their own number.")
        row = Erasure(rater_id=rater_id, cycles=person.readers(s, rater_id))
        s.add(row)
        person.delete_rows(s, rater_id, known=known)
        s.flush()
        return row.id, person.learned(s, row.cycles)

    with home.copying():
        erasure, versions = database.write(work)
        _clear(database, home, erasure)
    return versions


def was_erased(s: Session, rater_id: str) -> bool:
    """Tell whether this person was erased before."""
    return s.scalar(select(Erasure).where(Erasure.rater_id == rater_id).limit(1)) is not None


def finish(database: Database, home: Home) -> None:
    """Go on with the erasures that were cut short, and clear what a killed process left of a copy.

    Raises:
        TracesLeft: as `erase`.
    """
    with database.read() as s:
        open_ones = list(s.scalars(select(Erasure.id).where(Erasure.finished_at.is_(None))))
    with home.copying():
        backup.sweep(database, home)
    for erasure in open_ones:
        with home.copying():
            _clear(database, home, erasure)


def erased_since(s: Session, moment: datetime) -> bool:
    """Tell whether anyone was erased since then."""
    return s.scalar(select(Erasure.id).where(Erasure.created_at >= moment).limit(1)) is not None


def _clear(database: Database, home: Home, erasure: int) -> None:
    """Clear what is left of deleted rows: in the file itself, in copies, caches and exports."""
    with database.read() as s:
        rater = s.get_one(Erasure, erasure).rater_id
        known = conversations.has_rater(s, rater)
    backup.sweep(database, home)
    for file in backup.copies(database, home):
        _erase_in(file, rater, known=known)
    for file in home.folder.glob(f"{home.head.stem}.*"):  # half a one is left by a killed trainer
        file.unlink(missing_ok=True)  # weights fitted to few answers are close to these answers
    for folder in (home.features, home.exports):  # both are made anew when somebody needs them
        for file in [path for path in folder.rglob("*") if path.is_file()]:
            file.unlink(missing_ok=True)
    try:
        emptied = database.scrub()
    except sqlite.choose_library().Error as error:
        raise TracesLeft(f"the file could not be written anew ({error})") from error
    if not emptied:
        raise TracesLeft("the database is used so much that its file or log stays as it is")

    def done(s: Session) -> None:
        s.get_one(Erasure, erasure).finished_at = now()

    database.write(done)


def _erase_in(file: Path, rater: str, *, known: bool) -> None:
    """Erase in a copy, which may be of an older release; half a copy goes altogether."""
    if file.name.endswith(".partial"):
        file.unlink(missing_ok=True)
        return
    engine = sqlite.make_engine(URL.create("sqlite", database=str(file)), sqlite.MIGRATOR)
    try:
        with Session(engine) as s, s.begin():
            person.delete_rows(s, rater, known=known)
        cleared = sqlite.scrub(engine)
    except (DBAPIError, sqlite.choose_library().Error) as error:
        why = error.orig if isinstance(error, DBAPIError) else error
        raise TracesLeft(f"{file} can't be cleared ({why}); delete it") from error
    if not cleared:
        raise TracesLeft(f"{file} can't be cleared (it is in use)")


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Show or erase a person, or name who was erased; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m storage.privacy", description="One person's data: show it, or erase it."
    )
    wish = parser.add_mutually_exclusive_group(required=True)
    wish.add_argument("--show", metavar="RATER", help="all that is stored of them, as JSON")
    wish.add_argument("--erase", metavar="RATER", help="erase them, backups and exports included")
    wish.add_argument(
        "--list", action="store_true", help="who was erased, and what learned from them"
    )
    wanted = parser.parse_args(argv)
    home = Home.from_env(env)
    try:
        with closing(Database.existing(home)) as database:
            sys.stdout.write(_told(database, home, wanted))
    except (DatabaseUnusable, DatabaseBusy, HomeError, ValueError, TracesLeft) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _told(database: Database, home: Home, wanted: argparse.Namespace) -> str:
    if wanted.erase:
        return f"{wanted.erase} is erased. {_lineage(erase(database, home, wanted.erase))}\n"
    with database.read() as s:
        if wanted.show:
            return (
                json.dumps(person.everything(s, wanted.show), ensure_ascii=False, indent=1) + "\n"
            )
        lines = []
        for row in s.scalars(select(Erasure).order_by(Erasure.id)):
            state = "" if row.finished_at else ", traces left"
            when = row.created_at.isoformat(sep=" ", timespec="seconds")
            lines.append(
                f"{when}  {row.rater_id}{state}. {_lineage(person.learned(s, row.cycles))}\n"
            )
        return "".join(lines) or "Nobody was erased.\n"


def _lineage(versions: list[str]) -> str:
    if not versions:
        return "No version had learned from them."
    return f"Versions that had learned from them: {', '.join(versions)}."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
