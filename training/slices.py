"""Does the reward head favour some kinds of answers? Rated answers in groups, its scores beside likes.

Pure: knows texts and scores, not what gave them. A language is told by its script alone, and what
a question is about by how it begins: crude, but nothing has to be trusted for it.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

LENGTHS = (20, 50, 100, 200)
"""Words at which another group of answers begins."""
OPENINGS = 8
"""How many openings of questions are told apart; the others are one group."""
FEWEST = 5
"""Answers below which a group shows nothing but chance, and is left out."""


@dataclass(frozen=True)
class Scored:
    """An answer that nothing was fitted to: its score, and whether it was liked."""

    question: str
    answer: str
    score: float
    liked: bool


def compare(found: Sequence[Scored]) -> dict[str, list[dict[str, Any]]]:
    """Return the groups of each kind: how many answers, their mean score, the share liked."""
    common = Counter(_first_word(one.question) for one in found).most_common(OPENINGS)
    words = {word for word, _ in common}
    kinds: dict[str, Callable[[Scored], tuple[int, str]]] = {
        "length": lambda one: _length(one.answer),
        "script": lambda one: (0, script(one.answer)),
        "opening": lambda one: _opening(one.question, words),
    }
    return {kind: _groups(found, key) for kind, key in kinds.items()}


def script(text: str) -> str:
    """Return the script that most letters are in, such as Latin, Cyrillic or CJK."""
    if text.isascii():
        return "Latin" if any(map(str.isalpha, text)) else "none"
    names = Counter(
        unicodedata.name(letter, "?").split(" ")[0] for letter in text if letter.isalpha()
    )
    return _spelt(names.most_common(1)[0][0]) if names else "none"


def _groups(
    found: Iterable[Scored], key: Callable[[Scored], tuple[int, str]]
) -> list[dict[str, Any]]:
    parts: dict[tuple[int, str], list[Scored]] = defaultdict(list)
    for one in found:
        parts[key(one)].append(one)
    return [
        {
            "name": name,
            "answers": len(part),
            "score": sum(one.score for one in part) / len(part),
            "liked": sum(one.liked for one in part),
        }
        for (_, name), part in sorted(parts.items())
        if len(part) >= FEWEST
    ]


def _length(answer: str) -> tuple[int, str]:
    words = len(answer.split())
    low = 0
    for edge in LENGTHS:
        if words <= edge:
            return low, f"{low + 1} to {edge} words"
        low = edge
    return low, f"over {low} words"


def _opening(question: str, common: set[str]) -> tuple[int, str]:
    word = _first_word(question)
    return (0, word) if word in common else (1, "any other")


def _first_word(question: str) -> str:
    found = re.search(r"\w[\w']*", question)
    return found[0].lower()[:20] if found else "no word"


def _spelt(name: str) -> str:
    return name if name == "CJK" else name.capitalize()
