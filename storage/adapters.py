"""Which adapter versions there are and which one serves. Knows no file and no weight.

python -m storage.adapters --list
python -m storage.adapters --roll-back [VERSION]
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.database import Database, DatabaseBusy, DatabaseUnusable, NoDatabase
from storage.home import Home, HomeError
from storage.models import BASE_VERSION, Adapter, Serving

ROLL_BACK_HELP = "serve the version before this one, or the named one"


@dataclass(frozen=True)
class Trial:
    """A version that people are still to judge, the one it replaced, and since when it serves."""

    version: str
    against: str
    since: datetime


def add(s: Session, version: str, parent: str, base: str, cycle_id: int | None) -> Adapter:
    """Record a version whose folder is published."""
    adapter = Adapter(version=version, parent=parent, base=base, cycle_id=cycle_id)
    s.add(adapter)
    s.flush()
    return adapter


def get(s: Session, version: str) -> Adapter | None:
    """Return what is known of a version; the bare base is none."""
    return s.get(Adapter, version)


def versions(s: Session) -> list[Adapter]:
    """Return all published versions, newest first."""
    newest_first = (Adapter.created_at.desc(), Adapter.version.desc())
    return list(s.scalars(select(Adapter).order_by(*newest_first)))


def served(s: Session) -> str:
    """Return the version that should serve now."""
    newest = select(Serving.version).order_by(Serving.id.desc()).limit(1)
    return s.scalar(newest) or BASE_VERSION


def serve(s: Session, version: str, reason: str) -> None:
    """Make a version the one that serves, for a reason that the owner can read.

    Raises:
        ValueError: there is no such version.
    """
    if version != BASE_VERSION and get(s, version) is None:
        raise ValueError(
            f"Unknown version '{version}'. `python -m storage.adapters --list` names them."
        )
    s.add(Serving(version=version, reason=reason))
    s.flush()


def history(s: Session, limit: int = 50) -> list[Serving]:
    """Return what served when and why, newest first."""
    return list(s.scalars(select(Serving).order_by(Serving.id.desc()).limit(limit)))


def mark(s: Session) -> int:
    """Return the id of the newest change of what serves, or 0."""
    return s.scalar(select(func.max(Serving.id))) or 0


def previous(s: Session) -> str | None:
    """Return the version that a roll back goes to; None when the bare base serves from the start.

    Going back to a version also takes back all that came after it: rolling back twice goes two
    versions back, and never again to the one that was left.
    """
    led = line(s)
    return led[-2] if len(led) > 1 else None


def line(s: Session) -> list[str]:
    """Return the versions that led to the one that serves, which is the last one."""
    return [version for version, _ in _line(s)]


def on_trial(s: Session) -> Trial | None:
    """Return the trial of the version that serves.

    It lasts from when the version took another one's place until `keep`, or until it is left. One
    that serves again because a later one was left goes on with its trial; the base has none.
    """
    *before, (version, since) = _line(s)
    return Trial(version, before[-1][0], since) if before and since else None


def keep(s: Session, reason: str) -> None:
    """End the trial of the version that serves: it goes on serving, for a reason people can read."""
    serve(s, served(s), reason)


def roll_back(s: Session, version: str | None = None, reason: str | None = None) -> str:
    """Serve the previous version, or the named one; returns which one. Without a reason, by hand.

    Raises:
        ValueError: there is no such version, or it serves already.
    """
    current = served(s)
    target = version or previous(s)
    if target is None:
        raise ValueError("The base model serves; there is nothing before it to roll back to.")
    if target == current:
        raise ValueError(f"Version '{target}' serves already.")
    serve(s, target, reason or f"rolled back by hand from {current}")
    return target


def _line(s: Session) -> list[tuple[str, datetime | None]]:
    """Return the versions that led to the one that serves, and since when each is on trial."""
    line: list[tuple[str, datetime | None]] = [(BASE_VERSION, None)]
    changes = select(Serving.version, Serving.created_at).order_by(Serving.id)
    for version, since in s.execute(changes):
        places = [known for known, _ in line]
        if version == places[-1]:  # kept
            line[-1] = (version, None)
        elif version in places:
            del line[places.index(version) + 1 :]
        else:
            line.append((version, since))
    return line


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """List the versions or roll back; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m storage.adapters",
        description="Name the adapter versions, or go back to one.",
    )
    wish = parser.add_mutually_exclusive_group(required=True)
    wish.add_argument("--list", action="store_true", help="name the versions and which one serves")
    wish.add_argument("--roll-back", nargs="?", const="", metavar="VERSION", help=ROLL_BACK_HELP)
    wanted = parser.parse_args(argv)
    try:
        said = _list(env) if wanted.list else _go_back(env, wanted.roll_back or None)
    except (DatabaseUnusable, DatabaseBusy, HomeError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(said)
    return 0


def _list(env: Mapping[str, str]) -> str:
    try:
        database = Database.existing(Home.from_env(env))
    except NoDatabase as none:  # nothing is published yet: not an error
        sys.stderr.write(f"{none}\n")
        return _listing(BASE_VERSION, [])
    with closing(database), database.read() as session:
        return _listing(served(session), versions(session))


def _listing(serves: str, adapters: list[Adapter]) -> str:
    lines = {BASE_VERSION: BASE_VERSION}
    for one in reversed(adapters):
        made = one.created_at.isoformat(sep=" ", timespec="seconds")
        lines[one.version] = f"{one.version}  from {one.parent}  made {made}"
    signed = [f"{'*' if version == serves else ' '} {line}" for version, line in lines.items()]
    return "\n".join([*signed, "(* serves now)", ""])


def _go_back(env: Mapping[str, str], version: str | None) -> str:
    home = Home.from_env(env)

    def work(s: Session) -> str:
        target = roll_back(s, version)
        if target != BASE_VERSION and not (home.adapters / target).is_dir():
            raise ValueError(f"Version '{target}' has no folder any more. Name another one.")
        return target

    with closing(Database.existing(home)) as database:
        return f"Version {database.write(work)} serves now.\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
