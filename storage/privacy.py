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

from storage import backup, consent, conversations, person, sqlite
from storage.consent import Agreed
from storage.database import Database, DatabaseBusy, DatabaseUnusable
from storage.home import Home, HomeError
from storage.models import Erasure, now


class TracesLeft(RuntimeError):
    """The rows are gone, and copies of them could not be cleared yet; shown to whoever runs this."""

    PLAIN = "Erased, but some copies are not cleared yet. That is tried again while the app runs."
    """For the person: which files there are is their host's business."""

    def __init__(self, left: Sequence[str]) -> None:
        super().__init__(
            f"Erased, but {', and '.join(left)}. It is tried again while the app runs, or when the host runs "
            "`python -m storage.privacy --erase`."
        )


def erase(
    database: Database, home: Home, rater_id: str, *, agreed: Agreed | None = None
) -> list[str]:
    """Erase a person wherever this installation keeps them; returns the versions that learned from them.

    With `agreed`, they agree to that from now on, and it stays with who they are: that they are not
    to be stored.

    Raises:
        ValueError: there is no such person, and there was none who was erased.
        TracesLeft: some copy could not be cleared; `finish` goes on with it.
    """

    def work(s: Session) -> list[str]:
        # First: to a cycle whose clock is ahead, what they agree to now would be older than it.
        row = Erasure(rater_id=rater_id, cycles=person.readers(s, rater_id))
        if agreed:  # not in a change of its own: a process killed in between would leave all else
            consent.give(s, rater_id, agreed)
        elif not was_erased(s, rater_id) and not conversations.has_rater(s, rater_id):
            raise ValueError(f"No rater '{rater_id}'. The page shows each person their own number.")
        s.add(row)
        person.delete_rows(s, rater_id, known=agreed is not None)
        s.flush()
        return person.learned(s, row.cycles)

    with home.copying():
        versions = database.write(work)
        _clear(database, home)
    return versions


def was_erased(s: Session, rater_id: str) -> bool:
    """Tell whether this person was erased before."""
    return s.scalar(select(Erasure).where(Erasure.rater_id == rater_id).limit(1)) is not None


def finish(database: Database, home: Home) -> None:
    """Go on with the erasures that were cut short, and clear what a killed process left of a copy.

    Raises:
        TracesLeft: as `erase`.
    """
    with home.copying():
        _clear(database, home)


def unfinished(s: Session) -> list[int]:
    """Return the erasures that have left something, or are under way."""
    open_ones = select(Erasure.id).where(Erasure.finished_at.is_(None))
    return list(s.scalars(open_ones.order_by(Erasure.id)))


def erased_since(s: Session, moment: datetime) -> bool:
    """Tell whether anyone was erased since then."""
    return s.scalar(select(Erasure.id).where(Erasure.created_at >= moment).limit(1)) is not None


def _clear(database: Database, home: Home) -> None:
    """Clear what is left of deleted rows: in caches, exports, the file itself and its copies.

    What can't be cleared keeps nothing else from being cleared. Where no erasure is open, only what a
    killed process left half made is removed. Whoever calls holds the right to copy, so that none of
    them is under way elsewhere.

    Raises:
        TracesLeft: names each file that is left.
    """
    backup.sweep(home)
    left = _delete(backup.halves(database))
    with database.read() as s:
        erasures = unfinished(s)
        which = select(Erasure.rater_id).where(Erasure.finished_at.is_(None))
        known = {rater: conversations.has_rater(s, rater) for rater in s.scalars(which)}
    if erasures:
        left += [*_delete(_made_anew(home)), *_scrub(database)]
        for file in backup.copies(database, home):
            left += _erase_in(file, known)
    if left:
        raise TracesLeft(left)

    def done(s: Session) -> None:
        for erasure in erasures:
            s.get_one(Erasure, erasure).finished_at = now()

    database.write(done)


def _made_anew(home: Home) -> list[Path]:
    """Return the files that somebody's words are in and that are made anew when they are needed."""
    # Weights fitted to few answers are close to these answers; half a head is left by a killed trainer.
    heads = home.folder.glob(f"{home.head.stem}.*")
    kept = (path for folder in (home.features, home.exports) for path in folder.rglob("*"))
    return [*heads, *(path for path in kept if path.is_file())]


def _delete(files: Sequence[Path]) -> list[str]:
    """Delete files; returns what is left."""
    left = []
    for file in files:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:  # root's, or open on another machine
            left.append(f"{file} can't be deleted ({error.strerror or error})")
    return left


def _scrub(database: Database) -> list[str]:
    """Write the database's file anew; returns what is left."""
    try:
        emptied = database.scrub()
    except (sqlite.choose_library().Error, OSError) as error:
        return [f"the file could not be written anew ({error})"]
    return [] if emptied else ["the database is used so much that its file or log stays as it is"]


def _erase_in(file: Path, known: Mapping[str, bool]) -> list[str]:
    """Erase people in a copy, which may be of an older release; returns what is left.

    `known` tells of each whether that they are not to be stored stays. Half a copy goes altogether.
    """
    if file.name.endswith(".partial"):
        return _delete([file])
    engine = sqlite.make_engine(URL.create("sqlite", database=str(file)), sqlite.MIGRATOR)
    try:
        with Session(engine) as s, s.begin():
            for rater, stays in known.items():
                person.delete_rows(s, rater, known=stays)
        cleared = sqlite.scrub(engine)
    except (DBAPIError, sqlite.choose_library().Error, OSError) as error:
        why = error.orig if isinstance(error, DBAPIError) else error
        return [f"{file} can't be cleared ({why}); delete it"]
    return [] if cleared else [f"{file} can't be cleared (it is in use)"]


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
