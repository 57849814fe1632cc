"""Where in an answer's features what stands: first all that each token has, then its form as a whole.

Knows no answer and no model.
"""

from dataclasses import dataclass

from training.form import FORMS
from training.kinds import SPELLING
from training.lexicon import LEXICON


@dataclass(frozen=True)
class Layout:
    """The columns of each part."""

    words: slice  # embeddings
    states: slice  # hidden states, as wide
    spelling: slice  # of the tokens: their kinds by characters
    lexicon: slice  # their kinds by what words do
    forms: slice

    @property
    def kinds(self) -> slice:
        """Both parts of the kinds."""
        return slice(self.spelling.start, self.lexicon.stop)


def layout(size: int) -> Layout:
    """Return the parts of `size` features."""
    forms = size - len(FORMS)
    lexicon = forms - len(LEXICON)
    spelling = lexicon - len(SPELLING)
    width = spelling // 2
    ends = (0, width, spelling, lexicon, forms, size)
    return Layout(*map(slice, ends, ends[1:]))
