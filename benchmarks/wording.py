"""An answer as words, sentences and list items. Knows no taste.

Whatever is counted here is counted once: a word or an item that comes again adds nothing.
"""

import re
from collections.abc import Collection, Sequence

LONGEST = 20_000
"""Characters that are read; nobody reads on."""
ENOUGH = 12
"""Different words that make an answer more than a catchword."""
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_LETTER = re.compile(r"[^\W\d_]")
_END = re.compile(r"(?<=[.!?…])[\"'”’)*]*\s+|\n+")
_ITEM = re.compile(r"\s*(?:[-*•+–]|\(?\d{1,2}[.):]|step \d{1,2}\b[.:]?)\s+(?=\S)", re.IGNORECASE)


def words(text: str) -> list[str]:
    """Return the words in small letters; punctuation, markup and emoji are none."""
    return [word.lower().replace("’", "'") for word in _WORD.findall(text[:LONGEST])]


def sentences(text: str) -> list[str]:
    """Return the sentences, of which a number alone is none; a line's end ends a sentence too."""
    return [part for part in _END.split(text[:LONGEST]) if _LETTER.search(part)]


def items(text: str) -> list[str]:
    """Return the different list items or steps, without their bullets and numbers."""
    marked = [(_ITEM.match(line), line) for line in text[:LONGEST].splitlines()]
    found = [line[mark.end() :].strip().lower() for mark, line in marked if mark]
    return [item for item in dict.fromkeys(found) if _WORD.search(item)]


def enough(said: Sequence[str]) -> float:
    """Return how much of an answer these words are: 1 from a dozen different ones on."""
    return min(1.0, len(set(said)) / ENOUGH)


def near(said: Sequence[str], wanted: Collection[str], before: int, after: int) -> float:
    """Return the share of the different words that stand close to a wanted one, 0 to 1."""
    close: set[str] = set()
    for place, word in enumerate(said):
        if word in wanted:
            close.update(said[max(0, place - before) : place + after + 1])
    return len(close) / len(set(said)) if said else 0.0
