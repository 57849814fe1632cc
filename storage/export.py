"""The feedback as data sets: the forms that TRL reads, and everything as JSON lines.

Knows no page and no trainer. Columns are TRL's own and no others, in its conversational form.

    python -m storage.export --list
    python -m storage.export --format NAME --out PATH
"""

import argparse
import json
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from storage import transcripts
from storage.database import Database, DatabaseUnusable
from storage.home import Home, HomeError
from storage.models import Message
from storage.transcripts import Transcript

Row = dict[str, Any]

ONE_LINE = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}
"""Characters that JSON allows and `str.splitlines` breaks lines at."""


@dataclass(frozen=True)
class Format:
    """One form of the feedback; `rows` gives it for one conversation."""

    sentence: str
    read: Callable[[Session], Iterator[Transcript]]
    rows: Callable[[Transcript], Iterator[Row]]


def preference(t: Transcript) -> Iterator[Row]:
    """Yield better and worse answers to one prompt.

    The better one was chosen, or is what the person edited the other into, or is the draft they
    liked beside one they disliked. Where they compared two drafts, thumbs don't say it again.
    """
    seen = set()
    for answer, better, worse in _pairs(t):
        key = (answer.parent_id, better, worse)
        if better != worse and worse.strip() and key not in seen:
            seen.add(key)
            yield {"prompt": t.prompt(answer), "chosen": _said(better), "rejected": _said(worse)}


def unpaired(t: Transcript) -> Iterator[Row]:
    """Yield answers with whether the person liked them; what they wrote themselves, they like."""
    ratings, edits = t.ratings(), t.edits()
    for answer in t.answers():
        prompt = t.prompt(answer)
        if answer.id in ratings:
            liked = ratings[answer.id] > 0
            yield {"prompt": prompt, "completion": _said(answer.text), "label": liked}
        if answer.id in edits:
            yield {"prompt": prompt, "completion": _said(edits[answer.id]), "label": True}


def prompt_completion(t: Transcript) -> Iterator[Row]:
    """Yield answers worth imitating: the liked ones and the edited ones."""
    for row in unpaired(t):
        if row.pop("label"):
            yield row


def everything(t: Transcript) -> Iterator[Row]:
    """Yield each answer with all that is known of it, raters left out.

    Nothing in the lists is null, and sampling settings and scores, which differ between engines and
    tasks, are JSON texts: readers could not settle on a type otherwise.
    """
    for answer in t.answers():
        yield {
            "message": answer.id,
            "conversation": t.conversation,
            "created_at": answer.created_at.isoformat(),
            "prompt": t.prompt(answer),
            "answer": answer.text,
            "drafts": [
                {"message": m.id, "answer": m.text, "version": m.version or ""}
                for m in t.drafts(answer)
            ],
            "feedback": [
                {
                    "kind": f.kind,
                    "value": f.value or 0,
                    "reasons": f.reasons or [],
                    "comment": f.comment or "",
                    "text": f.text or "",
                    "other": f.other_id or "",
                    "verdict": f.verdict or "",
                    "scores": json.dumps(f.scores or {}, sort_keys=True),
                    "guideline": f.guideline or "",
                    "created_at": f.created_at.isoformat(),
                }
                for f in t.feedback
                if f.message_id == answer.id
            ],
            "signals": [
                {"kind": x.kind, "amount": x.amount or 0.0, "created_at": x.created_at.isoformat()}
                for x in t.signals
                if x.message_id == answer.id
            ],
            "version": answer.version,
            "base": answer.base,
            "engine": answer.engine,
            "sampling": json.dumps(answer.sampling or {}, sort_keys=True),
            "seed": answer.seed,
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.completion_tokens,
            "first_token_ms": answer.first_token_ms,
            "duration_ms": answer.duration_ms,
            "stop_reason": answer.stop_reason or "",
        }


FORMATS: dict[str, Format] = {
    "trl-preference": Format(
        "prompt, chosen, rejected: for TRL's DPO, CPO, ORPO and reward trainers",
        transcripts.read_rated,
        preference,
    ),
    "trl-unpaired": Format(
        "prompt, completion, label: for TRL's KTO and BCO trainers",
        transcripts.read_rated,
        unpaired,
    ),
    "trl-prompt-completion": Format(
        "prompt, completion: liked and edited answers, for TRL's SFT trainer",
        transcripts.read_rated,
        prompt_completion,
    ),
    "jsonl": Format(
        "every answer with its drafts, feedback, signals, version and timings",
        transcripts.read_all,
        everything,
    ),
}


def write(s: Session, name: str, path: Path) -> int:
    """Write one format as JSON lines and return how many; `path` changes at once or not at all.

    Raises:
        ValueError: no such format.
        OSError: the file can't be written.
    """
    form = _format(name)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    written = 0
    try:
        with partial.open("x", encoding="utf-8", newline="\n") as file:
            for transcript in form.read(s):
                for row in form.rows(transcript):
                    line = json.dumps(row, ensure_ascii=False).translate(ONE_LINE)
                    file.write(f"{line}\n")
                    written += 1
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return written


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Name the formats or write one; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m storage.export", description="Write the feedback as a data set."
    )
    parser.add_argument("--list", action="store_true", help="name the formats")
    parser.add_argument("--format", metavar="NAME", help="the format to write")
    parser.add_argument("--out", metavar="PATH", type=Path, help="the file to write")
    wanted = parser.parse_args(argv)
    if wanted.list:
        width = max(map(len, FORMATS))
        for name, form in FORMATS.items():
            sys.stdout.write(f"{name:<{width}}  {form.sentence}\n")
        return 0
    try:
        rows = _write_from(Home.from_env(env), *_checked(wanted.format, wanted.out))
    except (DatabaseUnusable, HomeError, ValueError) as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{wanted.out} can't be written ({error.strerror}). Name another --out.")
    sys.stdout.write(f"{rows} rows written to {wanted.out}\n")
    return 0


def _checked(name: str | None, path: Path | None) -> tuple[str, Path]:
    """Refuse what can't work before a database is opened for it."""
    if name is None or path is None:
        raise ValueError("Give --format NAME and --out PATH, or --list.")
    _format(name)
    if path.is_dir():
        raise ValueError(f"{path} is a folder. Name a file in it as --out.")
    return name, path


def _write_from(home: Home, name: str, path: Path) -> int:
    with closing(Database.existing(home)) as database, database.read() as session:
        return write(session, name, path)


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise ValueError(f"Unknown format '{name}'. Use one of {', '.join(FORMATS)}.")
    return FORMATS[name]


def _refuse(line: str) -> int:
    sys.stderr.write(f"{line}\n")
    return 2


def _pairs(t: Transcript) -> Iterator[tuple[Message, str, str]]:
    """Yield (an answer to the prompt, the better text, the worse text)."""
    choices, ratings, edits = t.choices(), t.ratings(), t.edits()
    for choice in choices.values():
        if choice.verdict == "better" and choice.other_id:
            chosen = t.messages[choice.message_id]
            yield chosen, chosen.text, t.messages[choice.other_id].text
    for answer in t.answers():
        if answer.id in edits:
            yield answer, edits[answer.id], answer.text
        if ratings.get(answer.id, 0) > 0:
            for draft in t.drafts(answer):
                compared = frozenset((answer.id, draft.id)) in choices
                if ratings.get(draft.id, 0) < 0 and not compared:
                    yield answer, answer.text, draft.text


def _said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
