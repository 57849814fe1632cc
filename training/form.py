"""The form of an answer, apart from what it says: its length and its markup.

Both sway raters and reward models alike, so a head looks at them apart (style control: Chiang et al.
2024, arXiv:2403.04132). Knows no rating.
"""

import math
import re
from collections.abc import Sequence

import torch
from torch import Tensor

FORMS = ("length", "markup")
"""What the columns of `forms` are."""
_MARKUP = re.compile(r"^\s*(?:[-*+•]|\d+[.)]|#{1,6}|>|```)\s|\*\*|`", re.MULTILINE)


def forms(texts: Sequence[str], tokens: Sequence[int]) -> Tensor:
    """Return, for each answer, log(1 + its tokens) and log(1 + its marks of markup)."""
    rows = [
        (math.log1p(number), math.log1p(len(_MARKUP.findall(text))))
        for text, number in zip(texts, tokens, strict=True)
    ]
    return torch.tensor(rows).reshape(-1, len(FORMS))
