from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from hitl_chat.engines.protocol import Sampling
from hitl_chat.engines.rows import HALF, Detokenizer, draw


@pytest.fixture(scope="session")
def tokenizer(tiny_model: Path) -> object:
    return AutoTokenizer.from_pretrained(tiny_model)


@given(text=st.text())
def test_pieces_add_up_to_the_text_and_never_show_half_a_character(
    tokenizer: AutoTokenizer, text: str
) -> None:
    detokenizer = Detokenizer(tokenizer)
    told = ""
    for token in tokenizer.encode(text, add_special_tokens=False):  # type: ignore[attr-defined]
        told += detokenizer.add(token)
        assert text.startswith(told)
    assert told + detokenizer.flush() == text.rstrip(HALF) or HALF in text


def test_a_character_cut_off_by_the_end_is_left_out(tokenizer: AutoTokenizer) -> None:
    detokenizer = Detokenizer(tokenizer)
    ids = tokenizer.encode("so 🦊", add_special_tokens=False)  # type: ignore[attr-defined]
    told = "".join(detokenizer.add(token) for token in ids[:-1])
    assert told + detokenizer.flush() == "so "


def test_temperature_zero_takes_the_likeliest() -> None:
    logits = torch.tensor([0.0, 3.0, 2.9])
    assert draw(logits, Sampling(temperature=0), torch.Generator()) == 1


def test_draws_follow_the_probabilities() -> None:
    logits = torch.tensor([0.1, 0.2, 0.7]).log()
    chance = torch.Generator().manual_seed(0)
    drawn = [draw(logits, Sampling(temperature=1, top_p=1), chance) for _ in range(2000)]
    shares = torch.bincount(torch.tensor(drawn), minlength=3) / 2000
    assert torch.allclose(shares, logits.exp(), atol=0.04)


@pytest.mark.parametrize("size", [10, 5_000])
def test_top_p_keeps_what_a_full_sort_would_keep(size: int) -> None:
    logits = torch.linspace(0, 1, size)  # flat: the nucleus reaches beyond the first candidates
    probs = logits.softmax(-1)
    most = int((probs.flip(0).cumsum(0) < 0.5).sum()) + 1
    chance = torch.Generator().manual_seed(0)
    drawn = {draw(logits, Sampling(temperature=1, top_p=0.5), chance) for _ in range(500)}
    assert min(drawn) >= size - most
    assert len(drawn) > most // 15
