"""The form of an answer, apart from what it says: its length and its markup.

Both sway raters and reward models alike, so a head looks at them apart (style control: Chiang et al.
2024, arXiv:2403.04132). Knows no rating.
"""

import math
import re

FORMS = ("length", "markup")
"""What `measure` returns."""
_UNSPACED = "\u0e00-\u0e7f\u0e80-\u0eff\u1780-\u17ff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff"
"""Thai, Lao, Khmer, Burmese, kana and Chinese characters: there no gaps tell words apart."""
_WORD = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")
_MARKUP = re.compile(r"^\s*(?:[-*+•]|\d+[.)]|#{1,6}|>|```)\s|\*\*|`", re.MULTILINE)


def words(text: str) -> list[str]:
    """Return what stands between gaps; where words have none between them, each character."""
    return _WORD.findall(text)


def measure(text: str, tokens: int) -> tuple[float, float]:
    """Return log(1 + an answer's tokens) and log(1 + its marks of markup)."""
    return math.log1p(tokens), math.log1p(len(_MARKUP.findall(text)))
