"""The feedback as data sets for other tools: what is chosen of it, cleaned, split and written.

Knows no page and no trainer. Reads conversation by conversation, so size costs no memory; the same
feedback makes the same bytes.

    python -m storage.export --list
    python -m storage.export --format NAME --out PATH [--publish]
    python -m storage.export --all
"""

import argparse
import gc
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from sqlalchemy.orm import Session
from tqdm import tqdm

from storage import files, selection, transcripts
from storage.consent import Purpose
from storage.database import Database, DatabaseUnusable
from storage.formats import FORMATS, Format, Row, file_name
from storage.guidelines import TASKS
from storage.home import Home, HomeError
from storage.models import Message
from storage.records import SCHEMA
from storage.seen import Opinions, Seen
from storage.selection import Selection, Split
from storage.transcripts import Transcript

if TYPE_CHECKING:
    from storage.redaction import Redaction

__all__ = [
    "EVERYTHING",
    "FORMATS",
    "Order",
    "Written",
    "add_order",
    "file_name",
    "opinions",
    "order",
    "report",
    "write",
]


@dataclass(frozen=True)
class Order:
    """What is to be written of the feedback, and how.

    Whoever doesn't agree to the purpose is not in it.
    """

    selection: Selection = field(default_factory=Selection)
    split: Split = field(default_factory=Split)
    keep_personal: bool = False
    purpose: Purpose = "train"


EVERYTHING = Order()


@dataclass
class Written:
    """What came of it: rows in each file, and how many personal data of each kind were replaced."""

    rows: dict[Path, int]
    replaced: Counter[str] = field(default_factory=Counter)


def write(
    s: Session,
    name: str,
    path: Path,
    order: Order = EVERYTHING,
    watch: Callable[[Iterator[Transcript]], Iterator[Transcript]] = iter,
) -> Written:
    """Write one format; the files change at once or not at all.

    With a split there are two, named like `path` with `.train` and `.test` before its ending.
    `watch` sees each conversation go by.

    Raises:
        ValueError: no such format.
        OSError: a file can't be written.
    """
    # To make its patterns takes longer than any other import of ours, and a chat starts without.
    from storage.redaction import Redaction  # noqa: PLC0415

    form = _format(name)
    paths = {side: _of_side(path, side, order.split) for side in order.split.sides}
    redaction = Redaction()
    written = Written(dict.fromkeys(paths.values(), 0), redaction.counts)
    seen = None if form.has_ids else Seen()
    with files.all_or_none(list(paths.values())) as opened:
        sides = {side: _file(form, one) for side, one in zip(paths, opened, strict=True)}
        for side, row in _rows(s, form, order, redaction, watch):
            line = files.to_line(row)
            if seen is None or seen.add(line):
                sides[side].write(line)
                written.rows[paths[side]] += 1
        for file in sides.values():
            file.finish()
    return written


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Name the formats or write one; returns the exit status."""
    home = Home.from_env(env)
    wanted = _parser(home.exports).parse_args(argv)
    if wanted.list:
        width = max(map(len, FORMATS))
        for name, form in FORMATS.items():
            sys.stdout.write(f"{name:<{width}}  {form.sentence}\n")
        return 0
    try:
        jobs, chosen = _checked(wanted.format, wanted.out, wanted.all), order(wanted)
        with closing(Database.existing(home)) as database:
            if wanted.all:
                wanted.all.mkdir(parents=True, exist_ok=True)
            for name, path in jobs:
                sys.stdout.write(report(_write_from(database, name, path, chosen)))
    except (DatabaseUnusable, HomeError, ValueError) as error:
        return _refuse(str(error))
    except OSError as error:
        option, place = ("--all", wanted.all) if wanted.all else ("--out", wanted.out)
        return _refuse(f"{place} can't be written ({error.strerror}). Name another {option}.")
    return 0


def add_order(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is to be written; `order` reads them."""
    add = parser.add_argument
    add("--since", metavar="DATE", help="answers from this day on, as 2026-01-31 (UTC)")
    add("--until", metavar="DATE", help="answers before this day")
    add("--version", metavar="NAME", action="append", default=[], help="answers by this version")
    add("--rater", metavar="ID", action="append", default=[], help="what this person was answered")
    add("--task", choices=TASKS, action="append", default=[],
        help="answers to questions that people scored answers to as this task")  # fmt: skip
    add("--min-agreement", metavar="SHARE", type=float, default=0.0,
        help="leave out what fewer of its raters are of one mind about, 0 to 1")  # fmt: skip
    add("--test", metavar="SHARE", type=float, default=0.0, help="keep this share for testing")
    add("--by", choices=("conversation", "person"), default="conversation",
        help="what isn't divided between training and testing")  # fmt: skip
    add("--keep-personal", action="store_true", help="leave personal data as they are")
    add("--publish", action="store_true", help="only of people who said yes to being published")


def order(wanted: argparse.Namespace) -> Order:
    """Return what the options of `add_order` say.

    Raises:
        ValueError: a date or a share that can't be.
    """
    for option, share in (("--min-agreement", wanted.min_agreement), ("--test", wanted.test)):
        if not 0 <= share <= 1:
            raise ValueError(f"{option} is {share:g}. Use a share from 0 to 1.")
    return Order(
        Selection(
            since=_day("--since", wanted.since),
            until=_day("--until", wanted.until),
            versions=frozenset(wanted.version),
            raters=frozenset(wanted.rater),
            tasks=frozenset(wanted.task),
            min_agreement=wanted.min_agreement,
        ),
        Split(wanted.test, wanted.by),
        keep_personal=wanted.keep_personal,
        purpose="publish" if wanted.publish else "train",
    )


def opinions(s: Session, form: Format, order: Order) -> Opinions | None:
    """Return who thinks what of which answer, if agreement is asked for."""
    if not order.selection.min_agreement:
        return None
    return selection.opinions(form.read(s, order.purpose))


def report(written: Written) -> str:
    """Return what came of an export, in lines."""
    lines = [f"{rows} rows written to {path}\n" for path, rows in written.rows.items()]
    if written.replaced:
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(written.replaced.items()))
        lines.append(f"Personal data replaced: {kinds}\n")
    return "".join(lines)


def _parser(exports: Path) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m storage.export", description="Write the feedback as a data set."
    )
    parser.add_argument("--list", action="store_true", help="name the formats")
    parser.add_argument("--format", metavar="NAME", help="the format to write")
    parser.add_argument("--out", metavar="PATH", type=Path, help="the file to write")
    parser.add_argument("--all", metavar="FOLDER", type=Path, nargs="?", const=exports,
        help="write each format into it, by default the data folder's exports")  # fmt: skip
    add_order(parser)
    return parser


def _checked(name: str | None, path: Path | None, folder: Path | None) -> list[tuple[str, Path]]:
    """Return which formats to write where; refuse what can't work before a database is opened."""
    if folder is not None:
        return [(each, folder / file_name(each)) for each in FORMATS]
    if name is None or path is None:
        raise ValueError("Give --format NAME and --out PATH, or --all, or --list.")
    _format(name)
    if path.is_dir():
        raise ValueError(f"{path} is a folder. Name a file in it as --out.")
    return [(name, path)]


def _day(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        day = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{option} is '{text}'. Use a date such as 2026-01-31.") from error
    return day if day.tzinfo else day.replace(tzinfo=UTC)


def _write_from(database: Database, name: str, path: Path, order: Order) -> Written:
    with database.read() as session:
        total = transcripts.count(session)
        return write(
            session,
            name,
            path,
            order,
            lambda found: iter(tqdm(found, total=total, unit=" conversations", disable=None)),
        )


def _rows(
    s: Session,
    form: Format,
    order: Order,
    redaction: "Redaction",
    watch: Callable[[Iterator[Transcript]], Iterator[Transcript]],
) -> Iterator[tuple[str, Row]]:
    """Yield rows with the side they are on."""
    known = opinions(s, form, order)
    for t in watch(form.read(s, order.purpose)):
        chosen = order.selection.answers(t, known)
        if chosen:
            side = order.split.side(t)
            if not order.keep_personal:
                t, chosen = _cleaned(t, chosen, redaction)
            for row in form.rows(t, chosen):
                yield side, row


def _cleaned(
    t: Transcript, chosen: Sequence[Message], redaction: "Redaction"
) -> tuple[Transcript, list[Message]]:
    clean = t.rewritten(redaction.clean)
    return clean, [clean.messages[answer.id] for answer in chosen]


def _file(form: Format, file: BinaryIO) -> files.File:
    if form.kind == "parquet":
        return files.Parquet(file, SCHEMA)
    return files.List(file) if form.kind == "json" else files.Lines(file)


def _of_side(path: Path, side: str, split: Split) -> Path:
    return path.with_name(f"{path.stem}.{side}{path.suffix}") if split.share else path


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise ValueError(f"Unknown format '{name}'. Use one of {', '.join(FORMATS)}.")
    return FORMATS[name]


def _refuse(line: str) -> int:
    sys.stderr.write(f"{line}\n")
    return 2


if __name__ == "__main__":
    gc.set_threshold(100_000)  # rows hold few cycles; to look for them took a sixth of the time
    sys.exit(main(sys.argv[1:], os.environ))
