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
    kinds: slice  # of the tokens
    forms: slice


def layout(size: int) -> Layout:
    """Return the parts of `size` features."""
    forms = size - len(FORMS)
    kinds = forms - len(KINDS)
    ends = (0, kinds // 2, kinds, forms, size)
    return Layout(*map(slice, ends, ends[1:]))
