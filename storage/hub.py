"""Data sets and adapters to the Hugging Face Hub, each with its card, private unless told otherwise.

What is pushed lies on disk first and stays there: a Hub that says 429 or 500 is asked again, and one
that keeps saying so loses nothing. Everything of one push is one commit.

    python -m storage.hub data-set --format NAME --repo OWNER/NAME
    python -m storage.hub adapter --version NAME --repo OWNER/NAME
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from httpx2 import TransportError
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils._validators import validate_repo_id
from sqlalchemy.orm import Session

from storage import cards, export, statistics
from storage.database import Database, DatabaseUnusable
from storage.formats import FORMATS
from storage.home import Home, HomeError
from storage.models import Adapter, Cycle

T = TypeVar("T")

WAITS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Seconds before each further try, unless the Hub names a number itself."""
LONGEST = 300.0
CARD = "README.md"


class PushFailed(RuntimeError):
    """The Hub didn't take it; shown to whoever pushes."""


@dataclass(frozen=True)
class Place:
    """A repository on the Hub; `kind` is dataset or model."""

    repo: str
    kind: str
    public: bool = False


def push(
    api: HfApi,
    place: Place,
    folder: Path,
    message: str,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Put what lies in a folder into a repository, made if need be; returns the commit's address.

    Raises:
        PushFailed: the Hub refused, or can't be reached.
        ValueError: the repository is public and that wasn't said.
    """
    ask = partial(_patiently, folder=folder, sleep=sleep)
    kind = place.kind
    ask(
        lambda: api.create_repo(place.repo, repo_type=kind, private=not place.public, exist_ok=True)
    )
    found = ask(lambda: api.repo_info(place.repo, repo_type=kind))
    if not found.private and not place.public:
        raise ValueError(f"{place.repo} is public on the Hub. Give --public, or another --repo.")
    there = [sibling.rfilename for sibling in getattr(found, "siblings", None) or ()]
    files = {file.name: file for file in sorted(folder.iterdir())}
    stale = [name for name in there if name not in files and _is_ours(name)]

    def commit() -> str:
        added = [CommitOperationAdd(name, file) for name, file in files.items()]
        gone = [CommitOperationDelete(name) for name in stale]
        done = api.create_commit(
            place.repo, [*added, *gone], commit_message=message, repo_type=kind
        )
        return str(done.commit_url)

    return ask(commit)


def prepare_data_set(
    s: Session, folder: Path, name: str, order: export.Order, licence: str
) -> export.Written:
    """Write a data set and its card into a folder.

    Raises:
        ValueError: no such format.
        OSError: the folder can't be written.
    """
    _empty(folder)
    written = export.write(s, name, folder / export.file_name(name), order)
    form = FORMATS[name]
    known = export.opinions(s, form, order)
    found = statistics.gather(form.read(s, order.purpose), order.selection, known)
    rows = {path.name: number for path, number in written.rows.items()}
    replaced = None if order.keep_personal else written.replaced
    card = cards.data_set(name, rows, found, replaced, licence, order.purpose)
    (folder / CARD).write_text(card, encoding="utf-8")
    return written


def prepare_adapter(s: Session, home: Home, folder: Path, version: str, licence: str) -> None:
    """Put a published version's files and its card into a folder.

    Raises:
        ValueError: there is no such version.
        OSError: the folder can't be written.
    """
    row = s.get(Adapter, version)
    source = home.adapters / version
    if row is None or not source.is_dir():
        raise ValueError(
            f"There is no version '{version}'. /admin and /status name those there are."
        )
    _empty(folder)
    for file in source.iterdir():
        (folder / file.name).hardlink_to(file)
    cycle = s.get(Cycle, row.cycle_id) if row.cycle_id else None
    journal = (
        {"counts": cycle.counts, "reward": cycle.reward, "verdict": cycle.verdict} if cycle else {}
    )
    manifest = {"version": version, "parent": row.parent, "base": row.base}
    (folder / CARD).write_text(cards.adapter(manifest, journal, licence), encoding="utf-8")


def _empty(folder: Path) -> None:
    """Make a folder without the files of an earlier push, which may have been others."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Push one data set or one adapter; returns the exit status."""
    wanted = _parser().parse_args(argv)
    home = Home.from_env(env)
    folder = home.exports / "hub" / wanted.repo.replace("/", "--")
    api = HfApi(endpoint=env.get("HF_ENDPOINT"), token=env.get("HF_TOKEN"))
    place = Place(wanted.repo, "model" if wanted.what == "adapter" else "dataset", wanted.public)
    try:
        validate_repo_id(wanted.repo)  # it names a folder, too
        with closing(Database.existing(home)) as database, database.read() as session:
            if wanted.what == "adapter":
                prepare_adapter(session, home, folder, wanted.version, wanted.licence)
            else:
                order = export.order(wanted)
                if wanted.public:  # whether asked for or not
                    order = replace(order, purpose="publish")
                prepare_data_set(session, folder, wanted.format, order, wanted.licence)
        address = push(api, place, folder, f"Add the {wanted.what}")
    except (DatabaseUnusable, HomeError, PushFailed, ValueError) as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{folder} can't be written ({error.strerror or error}). Make room there.")
    sys.stdout.write(f"Pushed to {address}\n")
    return 0


def _refuse(line: str) -> int:
    sys.stderr.write(f"{line}\n")
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m storage.hub", description="Push to the Hugging Face Hub; needs HF_TOKEN."
    )
    what = parser.add_subparsers(dest="what", required=True)
    data_set = what.add_parser("data-set", help="feedback, in one format")
    data_set.add_argument("--format", choices=FORMATS, required=True)
    export.add_order(data_set)
    adapter = what.add_parser("adapter", help="a version that was published")
    adapter.add_argument("--version", metavar="NAME", required=True)
    for each in (data_set, adapter):
        each.add_argument("--repo", metavar="OWNER/NAME", required=True)
        each.add_argument(
            "--public",
            action="store_true",
            help="for everyone to see; of people who said yes to that",
        )
        each.add_argument("--licence", metavar="ID", default="", help="such as cc-by-4.0")
    return parser


def _patiently(ask: Callable[[], T], folder: Path, sleep: Callable[[float], None]) -> T:
    """Ask the Hub, and again while it is busy or broken."""
    for wait in (*WAITS, None):
        try:
            return ask()
        except (HfHubHTTPError, TransportError, RuntimeError) as error:
            why = _behind(error)
            response = getattr(why, "response", None)
            status = response.status_code if response is not None else None
            passing = status is None or status == 429 or status >= 500
            if wait is None or not passing:
                raise PushFailed(
                    f"The Hub didn't take it ({_line(why)}). All of it lies in {folder}; "
                    f"{'try again later' if passing else 'check --repo and HF_TOKEN'}."
                ) from error
            asked = response.headers.get("Retry-After", "") if response is not None else ""
            sleep(min(LONGEST, float(asked)) if asked.isdigit() else wait)
    raise AssertionError("the last try returns or raises")


def _is_ours(name: str) -> bool:
    """Tell whether an earlier push put this there; what was taken back since must not stay in it."""
    return name.split(".")[0] in FORMATS


def _behind(error: Exception) -> BaseException:
    """Return why a large file failed: the client's "Error while uploading" says nothing of it."""
    return error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error


def _line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
