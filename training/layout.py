"""Where in an answer's features what stands: first all that each token has, then its form as a whole.

Knows no answer and no model.
"""

from dataclasses import dataclass

from training.form import FORMS
from training.kinds import KINDS


@dataclass(frozen=True)
class Layout:
    """The columns of each part."""

    words: slice  # embeddings
    states: slice  # hidden states, as wide
    kinds: slice
    forms: slice


def layout(size: int) -> Layout:
    """Return the parts of `size` features."""
    forms, kinds = size - len(FORMS), size - len(FORMS) - len(KINDS)
    width = kinds // 2
    return Layout(slice(width), slice(width, kinds), slice(kinds, forms), slice(forms, size))
