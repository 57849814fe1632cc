from typing import Any

import pytest
import torch

from training.base import Base
from training.kinds import KINDS, of_text, table


def named(text: str, *, spaced: bool = False) -> dict[str, float]:
    """Return the kinds that a token is of."""
    found = zip(KINDS, of_text(text, spaced=spaced), strict=True)
    return {kind: value for kind, value in found if value}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("?", "question"),
        ("！", "exclamation"),
        ("，", "comma"),
        (".", "stop"),
        (":", "colon"),
        ("’s", "quote"),
        ("7", "digit"),
        ("(", "bracket"),
        ("-", "sign"),
        ("\n\n", "line"),
    ],
)
def test_a_mark_is_known_in_any_script(text: str, kind: str) -> None:
    assert kind in named(text)


def test_a_mark_is_of_no_other_kind() -> None:
    assert named("?") == {"question": 1.0}
    assert named("%") == {"sign": 1.0}


def test_words_are_told_by_their_beginning_and_length() -> None:
    assert named("Paris", spaced=True) == {"capital": 1.0, "beginning": 1.0, "letters": 1.0}
    assert named("ing") == {"inside": 1.0, "letters": pytest.approx(0.6)}
    assert "foreign" in named("é")


def test_a_word_is_told_by_what_it_does_unless_it_may_be_a_part_of_another() -> None:
    assert "hedging" in named("maybe", spaced=True)
    assert "hedging" in named("Maybe")
    assert "hedging" not in named("may")


def test_a_vocabulary_s_tokens_have_the_kinds_of_their_texts(base: Base) -> None:
    kinds_VC = table(base.tokenizer, len(base.tokenizer) + 3)
    token = base.tokenizer.convert_tokens_to_ids("a")
    assert kinds_VC[token].tolist() == pytest.approx(of_text("a", spaced=False))
    special = [*base.tokenizer.all_special_ids, len(base.tokenizer), len(base.tokenizer) + 2]
    assert not kinds_VC[special].any()


def test_a_base_s_kinds_are_as_many_as_its_embeddings(base: Base) -> None:
    embeddings: Any = base.model.get_input_embeddings()
    assert base.kinds_VC.shape == (len(embeddings.weight), len(KINDS))
    assert torch.isfinite(base.kinds_VC).all()
