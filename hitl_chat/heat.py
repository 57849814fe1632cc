"""What the reward head makes of each token, as a heat map. Knows no process and no database.

A token's `level` runs from -4 to 4: its share beside the largest of the answer. Colour never stands
alone: what takes away is underlined, every token has its number as a title, and the words that add
and take most are listed.
"""

import html
import re
from collections import defaultdict
from typing import Any

LEVELS = 4
LISTED = 4
"""Words in each of the two lists."""
LEAST = 0.0005
"""A share that would be told as 0.0 points isn't listed."""
END = "(end)"
"""Stands for the token that ends an answer."""
_GLUE = re.compile(r"[\w'’-]")
_WIDE = re.compile(r"[\u2e80-\u9fff\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]")
"""Scripts that put no spaces between words; there a token is what comes nearest."""


def read(told: dict[str, Any]) -> dict[str, Any]:
    """Return what `training.explain` told, with levels and with the words that add and take most."""
    tokens = told["tokens"]
    most = max((abs(token["share"]) for token in tokens), default=0.0)
    for token in tokens:
        token["level"] = round(LEVELS * token["share"] / most) if most else 0
    words: defaultdict[str, float] = defaultdict(float)
    for text, share in _words(tokens):
        words[text] += share
    ranked = sorted(words.items(), key=lambda word: word[1])
    takes = [word for word in ranked if word[1] <= -LEAST][:LISTED]
    adds = [word for word in reversed(ranked) if word[1] >= LEAST][:LISTED]
    return told | {"adds": _plain(adds), "takes": _plain(takes)}


def _plain(words: list[tuple[str, float]]) -> list[dict[str, Any]]:
    return [{"text": text, "share": share} for text, share in words]


def _words(tokens: list[dict[str, Any]]) -> list[tuple[str, float]]:
    """Put tokens together to words, in small letters; shares of blanks go with the word behind them."""
    found: list[tuple[str, float]] = []
    word, share = "", 0.0
    for token in tokens:
        text = token["text"] or END
        if word.strip() and not _one_word(word[-1], text[0]):
            found.append((word.strip().casefold(), share))
            word, share = "", 0.0
        word += text
        share += token["share"]
    if word.strip():
        found.append((word.strip().casefold(), share))
    return found


def _one_word(before: str, after: str) -> bool:
    return all(_GLUE.match(one) and not _WIDE.match(one) for one in (before, after))


def points(share: float) -> str:
    """Return a share in points of a hundred, with its sign."""
    return f"{100 * share:+.1f}".replace("-", "−")


def shown(told: dict[str, Any]) -> str:
    """Return the heat map of what `read` returned, as HTML for the owner."""
    words = sum(token["share"] for token in told["tokens"])
    facts = (
        f"The reward head of cycle {told['cycle']} expects {100 * told['mean']:.0f} of 100 people "
        f"to like this answer; its members differ by ±{100 * told['spread']:.1f}. "
        f"An average answer gets {100 * told['start']:.0f}; these words add {points(words)}, "
        f"length and markup {points(told['form'])}."
    )
    spans = "".join(_span(token) for token in told["tokens"])
    rest = html.escape(told["rest"])
    cut = f'<span class="rest" title="Training looks no further.">{rest}</span>' if rest else ""
    lists = _list("Adds most", told["adds"]) + _list("Takes most", told["takes"])
    own = 1 - told["head_share"]
    other = f"<p>Of the reward {100 * own:.0f}% is your own function's; it isn't in here.</p>"
    return (
        f'<div class="heat"><p>{facts}</p>{other if own else ""}'
        f'<p class="map">{spans}{cut}</p>{lists}</div>'
    )


def _list(name: str, words: list[dict[str, Any]]) -> str:
    items = ", ".join(f"{html.escape(word['text'])} {points(word['share'])}" for word in words)
    return f"<p>{name}: {items}</p>" if words else ""


def _span(token: dict[str, Any]) -> str:
    text = html.escape(token["text"] or END)
    return f'<span class="{_kind(token["level"])}" title="{points(token["share"])}">{text}</span>'


def _kind(level: int) -> str:
    return f"{'more' if level > 0 else 'less'}-{abs(level)}" if level else ""
