"""What an export must remember of all rows before, on disk: a million of them need no more memory.

Each is a temporary SQLite database that its connection takes along when it goes.
"""

import hashlib
import sqlite3


class Seen:
    """Lines that were written."""

    def __init__(self) -> None:
        self._database = _temporary("CREATE TABLE seen (digest BLOB PRIMARY KEY) WITHOUT ROWID")

    def add(self, line: bytes) -> bool:
        """Remember a line; False if it was there before."""
        cursor = self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (_digest(line),))
        return cursor.rowcount == 1


class Opinions:
    """Who likes which answer; of one person the newest opinion of the same words counts."""

    def __init__(self) -> None:
        self._database = _temporary(
            "CREATE TABLE opinions (digest BLOB, rater TEXT, value INTEGER, "
            "PRIMARY KEY (digest, rater)) WITHOUT ROWID"
        )

    def add(self, words: bytes, rater: str, value: int) -> None:
        """Remember what somebody thinks."""
        row = (_digest(words), rater, value)
        self._database.execute("INSERT OR REPLACE INTO opinions VALUES (?, ?, ?)", row)

    def agreement(self, words: bytes) -> float:
        """Return the share of those who rated it that is of one mind, 0.5 to 1."""
        question = "SELECT avg(value > 0) FROM opinions WHERE digest = ?"
        liked = float(self._database.execute(question, (_digest(words),)).fetchone()[0])
        return max(liked, 1 - liked)


def _temporary(table: str) -> sqlite3.Connection:
    database = sqlite3.connect("", isolation_level=None)  # no name: a file of its own, unlinked
    database.execute("PRAGMA journal_mode=OFF")
    database.execute("PRAGMA synchronous=OFF")
    database.execute("BEGIN")
    database.execute(table)
    return database


def _digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=16).digest()
