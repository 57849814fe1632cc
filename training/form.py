"""The form of an answer, apart from what it says: its length and its markup.

Both sway raters and reward models alike, so a head looks at them apart (style control: Chiang et al.
2024, arXiv:2403.04132). Knows no rating.
"""

import math
import re

FORMS = ("length", "markup")
"""What `measure` returns."""
_MARKUP = re.compile(r"^\s*(?:[-*+•]|\d+[.)]|#{1,6}|>|```)\s|\*\*|`", re.MULTILINE)


def measure(text: str, tokens: int) -> tuple[float, float]:
    """Return log(1 + an answer's tokens) and log(1 + its marks of markup)."""
    return math.log1p(tokens), math.log1p(len(_MARKUP.findall(text)))
