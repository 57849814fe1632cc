"""What kind of token each of a vocabulary's is: digits, a comma, a short word, a word of doubt.

A handful of ratings says little about any one word. Whether people like numbers, questions or short
words shows much sooner once all tokens of a kind share a weight (style features in authorship
attribution: Stamatatos 2009, doi:10.1002/asi.21001). Its spelling is told by characters alone, so it
holds in any script; what it does by `training.lexicon`. Knows no answer and no rating.

Shapes: V vocabulary, C kinds.
"""

import unicodedata
from typing import Any

import torch
from torch import Tensor

from training.lexicon import LEXICON, of_word

MARKS = {
    "question": "?？؟",
    "exclamation": "!！",
    "comma": ",，、،",
    "stop": ".。…",
    "colon": ":;：；",
    "quote": "\"'`“”‘’«»",
}
CATEGORIES = {"digit": ("N",), "bracket": ("Ps", "Pe"), "sign": ("Pd", "Po", "S")}
"""Beginnings of Unicode's categories; a sign is none of the marks."""
OTHERS = ("line", "capital", "beginning", "inside", "letters", "foreign")
KINDS = (*MARKS, *CATEGORIES, *OTHERS, *LEXICON)
"""What `of_text` returns."""
SPACES = (" ", "Ġ", "▁")
"""How tokens are written that begin with a space."""
WORD = 5.0
"""Letters of a usual word."""


def of_text(text: str, *, spaced: bool) -> tuple[float, ...]:
    """Return what kinds a token is of; `spaced` tells whether a space comes before its `text`."""
    letters = [c for c in text if c.isalpha()]
    marked = [any(c in marks for c in text) for marks in MARKS.values()]
    others = [c for c in text if not any(c in marks for marks in MARKS.values())]
    categories = [unicodedata.category(c) for c in others]
    sorts = [any(c.startswith(begun) for c in categories) for begun in CATEGORIES.values()]
    begun = spaced or text[:1].isupper()  # else it may be a part of any word
    return (
        *map(float, marked),
        *map(float, sorts),
        float("\n" in text),
        float(bool(letters) and letters[0].isupper()),
        float(spaced),
        float(bool(letters) and not spaced),
        len(letters) / WORD,
        float(not text.isascii()),
        *of_word(text if begun else ""),
    )


def table(tokenizer: Any, size: int) -> Tensor:  # noqa: ANN401 - transformers has no one type
    """Return the kinds of `size` tokens, VC; special and unused ones are of none."""
    kinds_VC = torch.zeros(size, len(KINDS))
    special = set(tokenizer.all_special_ids)
    ids = [i for i in range(min(size, len(tokenizer))) if i not in special]
    written = tokenizer.convert_ids_to_tokens(ids)
    texts = tokenizer.batch_decode([[i] for i in ids], clean_up_tokenization_spaces=False)
    rows = [
        of_text(text.removeprefix(" "), spaced=str(token).startswith(SPACES))
        for token, text in zip(written, texts, strict=True)
    ]
    kinds_VC[ids] = torch.tensor(rows).reshape(-1, len(KINDS))
    return kinds_VC
