"""Feedback from files into the database, so that a reward head has something to begin with.

Importing a file twice changes nothing; a later export of the same installation adds what is new in
it, and nothing of one's own export is imported: it is here, or its person was erased. A file whose
rows don't name raters counts as one person. Knows no trainer.

    python -m storage.imports FILE
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.database import Database, DatabaseBusy, DatabaseUnusable
from storage.home import Home, HomeError
from storage.models import Conversation, Erasure, Feedback, Message, Rater, now
from storage.names import digest, pseudonym
from storage.talks import Said, Talk, read

VERSION = "imported"
"""What imported answers carry in place of the version that gave them."""
BATCH = 100


@dataclass
class Imported:
    """What came of a file; `grown` are those known conversations that it had more of."""

    conversations: int = 0
    opinions: int = 0
    known: int = 0
    grown: int = 0
    left_out: int = 0

    def add(self, other: "Imported") -> None:
        """Count what came of another part."""
        self.conversations += other.conversations
        self.opinions += other.opinions
        self.known += other.known
        self.grown += other.grown


def store(database: Database, talks: Iterable[Talk | None]) -> Imported:
    """Put conversations into the database, except what it has of them or may not have any more."""
    done = Imported()
    found = iter(talks)
    with database.read() as session:
        erased = {pseudonym(rater) for rater in session.scalars(select(Erasure.rater_id))}
    while batch := list(islice(found, BATCH)):
        here = [talk for talk in batch if talk and talk.rater not in erased]
        out = [talk for talk in batch if talk is None or talk.rater in erased]
        done.left_out += sum(len(talk.said) if talk else 1 for talk in out)

        def work(s: Session, here: list[Talk] = here) -> list[Imported]:
            return [_store(s, talk) for talk in here]

        for one in database.write(work):
            done.add(one)
    return done


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Import one file; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m storage.imports", description="Take feedback in from a file."
    )
    parser.add_argument(
        "file", metavar="FILE", type=Path, help="an export, or TRL data (JSON lines)"
    )
    path = parser.parse_args(argv).file
    try:
        for _ in read(path):  # a file that breaks off leaves nothing half done
            pass
        with closing(Database.open(Home.from_env(env))) as database:
            done = store(database, read(path))
    except OSError as error:
        sys.stderr.write(f"{path} can't be read ({error.strerror or error}). Name another file.\n")
        return 2
    except (DatabaseUnusable, DatabaseBusy, HomeError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(
        f"{done.opinions} opinions in {done.conversations} conversations imported; {done.known} were "
        f"there before, {done.grown} of them with less; "
        f"{done.left_out} rows left out (system prompts, tools, nothing to answer, people erased here).\n"
    )
    return 0


def _store(s: Session, talk: Talk) -> Imported:
    """Store what is new of one conversation; one that began here is whole and its person's own."""
    if s.get(Conversation, talk.origin):
        return Imported(known=1)
    key = digest(f"{talk.rater}/{talk.key}")
    rater = digest(talk.rater)
    if not s.get(Rater, rater):
        s.add(Rater(id=rater))
        s.flush()
    conversation = s.get(Conversation, key)
    known = conversation is not None
    if conversation is None:
        conversation = Conversation(id=key, rater_id=rater)
        s.add(conversation)
        s.flush()
    tree = _Tree(s, conversation)
    opinions = sum(_say(tree, said) for said in talk.said)
    grown = known and tree.grown
    return Imported(conversations=not known, opinions=opinions, known=known, grown=grown)


def _say(tree: "_Tree", said: Said) -> int:
    """Put an answer and the opinions about it into its place; returns how many of these are new."""
    parent = None
    for turn in said.turns:
        parent = tree.message(parent, turn["role"], turn["content"])
    answer = tree.message(parent, "assistant", said.answer)
    answer.stop_reason = said.stop_reason or answer.stop_reason
    new = 0
    for opinion, text in said.opinions:
        other = tree.message(parent, "assistant", text) if text else None
        if opinion.kind != "choice" or other not in (None, answer):
            opinion.message_id, opinion.other_id = answer.id, other.id if other else None
            new += tree.opinion(opinion)
    return new


class _Tree:
    """A conversation that grows; the same words in the same place are the same message."""

    def __init__(self, s: Session, conversation: Conversation) -> None:
        self._s = s
        self._conversation = conversation
        there = Message.conversation_id == conversation.id
        messages = select(Message).where(there).order_by(Message.created_at, Message.id)
        self._known = {(m.parent_id, m.role, m.text): m for m in s.scalars(messages)}
        said = select(Feedback).join(Message, Message.id == Feedback.message_id).where(there)
        self._said = Counter(_content(row) for row in s.scalars(said))
        self._newest = list(self._known.values())[-1].created_at if self._known else now()
        self.grown = False

    def message(self, parent: Message | None, role: str, text: str) -> Message:
        """Return the message that says this after `parent`."""
        above = parent.id if parent else None
        key = (above, role, text)
        if key not in self._known:
            answer = {"version": VERSION, "engine": "import", "stop_reason": "eos"}
            # Not now: its prompt would take in what an earlier import said was edited.
            self._newest += timedelta(microseconds=1)
            message = Message(
                conversation_id=self._conversation.id,
                parent_id=above,
                role=role,
                text=text,
                created_at=self._newest,
                **(answer if role == "assistant" else {}),
            )
            self._add(message)
            self._known[key] = message
            self._conversation.head_id = message.id
        return self._known[key]

    def opinion(self, row: Feedback) -> bool:
        """Add an opinion; False if it is one of those that were there."""
        content = _content(row)
        if self._said[content]:
            self._said[content] -= 1
            return False
        row.rater_id = self._conversation.rater_id
        self._add(row)
        return True

    def _add(self, row: Message | Feedback) -> None:
        self._s.add(row)
        self._s.flush()
        self.grown = True


def _content(row: Feedback) -> tuple[object, ...]:
    """Return what makes two opinions the same."""
    reasons, scores = tuple(row.reasons or ()), tuple(sorted((row.scores or {}).items()))
    where, said = (row.message_id, row.other_id, row.kind), (row.value, row.verdict, row.guideline)
    return (*where, *said, reasons, scores, row.text, row.comment or None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
