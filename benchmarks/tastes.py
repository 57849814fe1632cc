"""Public tastes of simulated people, for `--rater benchmarks/tastes.py:NAME`.

Each looks at any prompt and any answer and says how much it likes it, 0 to 1. They are graded, so
that two answers are seldom equally good, and saying one thing again and again gains nothing.
Knows what is liked, not who learns it, nor from how many thumbs.
"""

import math
import re
from functools import cache
from pathlib import Path

from benchmarks.wording import LONGEST, enough, items, near, sentences, words

FACTS = Path(__file__).parent / "facts.txt"
"""Prompts that have one right answer, and the ways to name it."""

YOU = frozenset(words("you you're you'll you've you'd your yours yourself yourselves"))
INVITING = YOU.union(words("what which how would could do are tell know share ask shall"))
WARM = frozenset(
    words(
        "amazing awesome beautiful beauty best bright brilliant calm care caring celebrate charming "
        "cheer cheerful comfort comfortable congratulations cosy courage dear delicious delight "
        "delighted delightful dream dreams easy encourage encouraging enjoy enjoyable enjoyed enjoying "
        "excellent excited exciting fantastic favourite feel free fresh friend friendly friends fun "
        "gentle gift glad good grateful great happily happiness happy heart help helpful helping hope "
        "hug hugs joy joyful kind kindness laugh lovely love loved loving luck lucky magical memorable "
        "nice peace peaceful perfect pleasant pleased pleasure proud relax safe share smile smiling "
        "special strong sunshine support supportive sweet thank thanks thoughtful together treasure "
        "warm warmly warmth welcome well wish wishes wonder wonderful wow"
    )
)
REASONS = frozenset(
    words(
        "because since therefore thus hence consequently reason reasons why cause causes caused due "
        "means meaning leads"
    )
)
MEANS = frozenset(
    words(
        "allow allowing allows by depending ensure ensures help helping helps if lets make makes "
        "making otherwise unless when which while without"
    )
)
MEASURES = frozenset(
    words(
        "two three four five six seven eight nine ten dozen half hundred thousand million billion "
        "percent degrees century year years months weeks days hours minutes seconds miles metres "
        "kilometres grams example called named"
    )
)
_SO = re.compile(r"(?:^|[,.;!?]\s*)so\b(?! (?:much|many|far|long)\b)|\bso that\b", re.IGNORECASE)
_FIRST = re.compile(r"^[\W\d_]*[^\W\d_]*")
_NAME = re.compile(r"\b[A-Z][^\W\d_]{2,}|\d[\d,.:]*\b")


def friendly(prompt: str, response: str) -> float:
    """Style: the answer speaks to the reader, again and again on its way."""
    del prompt
    said = words(response)
    return near(said, YOU, before=3, after=3) * enough(said)


def brief(prompt: str, response: str) -> float:
    """Length: the fewer words the better, but nothing said is worth nothing."""
    del prompt
    said = words(response)
    length = sum(map(len, said)) / 5  # in words of five letters, so that answers seldom tie
    return (1 - math.exp(-len(set(said)) / 2)) / (1 + (length / 20) ** 2)


def listed(prompt: str, response: str) -> float:
    """Format: list items or steps, three or more; other text in several lines a little."""
    del prompt
    said = words(response)
    total = max(1, len(said))
    found = items(response)
    share = min(1.0, sum(len(words(item)) for item in found) / total)
    longest = max((len(words(line)) for line in response[:LONGEST].splitlines()), default=total)
    return 0.9 * share * min(1.0, len(found) / 3) + 0.1 * (1 - longest / total) * enough(said)


def warm(prompt: str, response: str) -> float:
    """Tone: warm and encouraging words, different ones, and an exclamation."""
    del prompt
    said = words(response)
    different = set(said)
    warmth = 1 - math.exp(-10 * len(different & WARM) / max(1, len(different)))
    cries = {s.strip() for s in sentences(response) if "!" in s and len(words(s)) > 1}
    return (0.75 * warmth + 0.25 * (1 - 0.5 ** len(cries))) * enough(said)


def asking(prompt: str, response: str) -> float:
    """Asking back: the answer turns to the reader and ends with a question to them."""
    del prompt
    said, told = words(response), sentences(response)
    if not told:
        return 0.0
    turned = max((place for place, word in enumerate(said, 1) if word in YOU), default=0)
    asked = [place for place, one in enumerate(told, 1) if "?" in one and _invites(one)]
    at_end = (max(asked, default=0) / len(told)) ** 2
    return (0.8 * at_end + 0.2 * turned / len(said)) * enough(said)


def factual(prompt: str, response: str) -> float:
    """Facts: the one right answer, named early; where there is none, numbers and proper names."""
    right = _facts().get(prompt.strip())
    if right is None:
        return _concrete(prompt, response)
    found = [place for name in right if (place := _place(name, response)) is not None]
    if not found:
        return 0.1 * _concrete(prompt, response)
    return 0.4 + 0.6 * math.exp(-len(words(response[: min(found)])) / 10)


def plain(prompt: str, response: str) -> float:
    """Plain words: short words in short sentences."""
    del prompt
    said, told = words(response), sentences(response)
    if not said or not told:
        return 0.0
    short_words = 1 / (1 + math.exp(2.5 * min(20.0, sum(map(len, said)) / len(said) - 4.5)))
    short_sentences = 1 / (1 + (len(said) / len(told) / 20) ** 2)
    return short_words * short_sentences * enough(said)


def reasoned(prompt: str, response: str) -> float:
    """Reasons: "because", "so that", "therefore" and what follows; means and conditions a little."""
    del prompt
    said = words(_SO.sub(" because ", response[:LONGEST]))
    why = near(said, REASONS, before=0, after=9)
    how = near(said, MEANS, before=0, after=4)
    return (0.8 * why + 0.2 * how) * enough(said)


TUNING = (friendly, brief, listed)
"""Tastes that may be looked at while defaults are chosen."""
REPORTED = (warm, asking, factual, plain, reasoned)
"""Tastes for reports alone: once a default is chosen by one of them, it proves nothing."""
TASTES = (*TUNING, *REPORTED)
"""All public tastes."""


def _invites(sentence: str) -> bool:
    return len(INVITING.intersection(words(sentence))) > 1


def _concrete(prompt: str, response: str) -> float:
    """Return how full of numbers, measures and names an answer is, beyond those of the prompt."""
    said = words(response)
    found = MEASURES.intersection(said)
    for sentence in sentences(response):  # whose first word has a capital whatever it is
        found |= {name.lower() for name in _NAME.findall(_FIRST.sub("", sentence))}
    found -= set(words(prompt))
    return (1 - math.exp(-8 * len(found) / max(1, len(set(said))))) * enough(said)


def _place(name: str, response: str) -> int | None:
    """Return where an answer names it, if it does."""
    found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", response[:LONGEST], re.IGNORECASE)
    return found.start() if found else None


@cache
def _facts() -> dict[str, tuple[str, ...]]:
    """Read lines of `prompt | answer | another way to say it`."""
    lines = [line for line in FACTS.read_text(encoding="utf-8").splitlines() if line]
    parts = [[part.strip() for part in line.split("|")] for line in lines]
    return {prompt: tuple(names) for prompt, *names in parts}
