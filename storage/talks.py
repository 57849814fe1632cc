"""Conversations with opinions, read from files. Knows no database.

Reads our own `jsonl` and `parquet` exports and TRL's preference and unpaired data, with conversational
or plain texts.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import orjson

from storage.models import Feedback
from storage.names import digest
from storage.saying import new_choice, new_edit, new_rating, new_scores
from storage.transcripts import Turn

STOP_REASONS = ("eos", "length", "stop", "closed", "error")


@dataclass(frozen=True)
class Said:
    """An answer to some turns, and the opinions about it, each with the other's text in a choice."""

    turns: list[Turn]
    answer: str
    opinions: list[tuple[Feedback, str]]
    stop_reason: str = ""  # empty where the file doesn't tell


@dataclass(frozen=True)
class Talk:
    """One conversation to be; `origin` is the id it had where it was exported, if the file tells."""

    key: str
    rater: str
    origin: str = ""
    said: list[Said] = field(default_factory=list)


def read(path: Path) -> Iterator[Talk | None]:
    """Yield what a file holds, one conversation at a time; None for a row that can't be one here.

    That is a row with a system prompt or a tool's turn, or with nothing to answer.

    Raises:
        ValueError: with the row that isn't what its file began with.
        OSError: the file can't be read.
    """
    rows = enumerate(_rows(path), 1)
    for conversation, group in groupby(rows, lambda row: _conversation(*row)):
        found = list(group)
        first = found[0][1]
        talk = Talk(conversation, str(first.get("rater", path.name)), _named(first))
        for number, row in found:
            said = _said(number, row)
            if said is None:
                yield None
            else:
                talk.said.append(said)
        if talk.said:
            yield talk


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if path.suffix == ".parquet":
        from pyarrow import parquet  # noqa: PLC0415 - slow to import, and seldom needed

        with path.open("rb") as file:
            for batch in parquet.ParquetFile(file).iter_batches(1_000):
                yield from batch.to_pylist()
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise ValueError(f"Line {number} of {path} isn't JSON ({error}).") from error
            if not isinstance(row, dict):
                raise ValueError(  # noqa: TRY004 - what a user gave
                    f"Line {number} of {path} is no row of a data set."
                )
            yield row


def _conversation(number: int, row: dict[str, Any]) -> str:
    """Return what makes rows one conversation: its id, or the row's own content."""
    del number
    return digest(_named(row) or digest(orjson.dumps(row, default=str).decode()))


def _named(row: dict[str, Any]) -> str:
    """Return the conversation's own id; empty in a row that names none."""
    named = row.get("conversation")
    return _text(named) if isinstance(named, str) else ""


def _said(number: int, row: dict[str, Any]) -> Said | None:
    try:
        if "answer" in row:
            said = _from_export(row)
        elif "label" in row:
            said = _from_unpaired(row)
        else:
            said = _from_preference(row)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(
            f"Row {number} is neither one of our exports nor TRL's prompt, completion, label or "
            f"prompt, chosen, rejected ({type(error).__name__}: {error})."
        ) from error
    except ValueError as error:
        raise ValueError(f"Row {number} can't be taken. {error}") from error
    roles = [turn["role"] for turn in said.turns]
    if not said.answer.strip() or roles[-1:] != ["user"] or set(roles) - {"user", "assistant"}:
        return None
    return said


def _from_export(row: dict[str, Any]) -> Said:
    drafts = {draft["message"]: _text(draft["answer"]) for draft in row["drafts"]}
    found = [(_opinion(said), drafts.get(said["other"], "")) for said in row["feedback"]]
    opinions = [(opinion, other) for opinion, other in found if opinion]
    told = row.get("stop_reason")
    stop_reason = told if told in STOP_REASONS else ""
    return Said(_turns(row["prompt"]), _text(row["answer"]), opinions, stop_reason)


def _opinion(said: dict[str, Any]) -> Feedback | None:
    """Return what was said, by the same checks as a person's; None for a kind that isn't known."""
    kind = said["kind"]
    if kind == "rating":
        reasons, comment = said.get("reasons") or (), said.get("comment") or ""
        return new_rating(said["value"], reasons, comment)
    if kind == "scores":
        return new_scores(said["guideline"], orjson.loads(said["scores"]))
    if kind == "edit":
        return new_edit(said["text"]) if said["text"] else Feedback(kind="edit")
    return new_choice(said["verdict"]) if kind == "choice" else None


def _from_unpaired(row: dict[str, Any]) -> Said:
    liked = row["label"]
    if not isinstance(liked, bool):
        raise TypeError("label is neither true nor false")
    rating = new_rating(1 if liked else -1)
    return Said(_turns(row["prompt"]), _answer(row["completion"]), [(rating, "")])


def _from_preference(row: dict[str, Any]) -> Said:
    chosen, rejected = row["chosen"], row["rejected"]
    if "prompt" in row:
        turns = _turns(row["prompt"])
    else:
        turns = _turns(chosen[:-1])
        chosen, rejected = chosen[-1:], rejected[-1:]
    choice = new_choice("better")
    return Said(turns, _answer(chosen), [(choice, _answer(rejected))])


def _turns(prompt: str | list[dict[str, Any]]) -> list[Turn]:
    if isinstance(prompt, str):
        return [{"role": "user", "content": _text(prompt)}]
    return [{"role": str(turn["role"]), "content": _text(turn["content"])} for turn in prompt]


def _answer(completion: str | list[dict[str, Any]]) -> str:
    if isinstance(completion, str):
        return _text(completion)
    (message,) = completion
    return _text(message["content"])


def _text(text: Any) -> str:  # noqa: ANN401 - whatever a file holds
    if not isinstance(text, str):
        raise TypeError(f"{str(text)[:40]!r} is not text")
    return text.replace("\x00", "")
