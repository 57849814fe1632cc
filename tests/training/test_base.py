import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from storage.home import Home
from training.base import Base, ModelMissing, load_base
from training.forward import Runner


def test_a_model_that_is_not_there_is_named(home: Home, tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"Model '.*nowhere' can't be loaded"):
        load_base(str(tmp_path / "nowhere"), home)


def test_an_answer_is_closed_by_what_the_chat_template_has_there(base: Base) -> None:
    assert base.end_id == base.tokenizer.eos_token_id
    other = base.tokenizer.encode("#", add_special_tokens=False)[0]
    turned = copy.deepcopy(base.tokenizer)
    turned.chat_template = turned.chat_template.replace("<|im_end|>", "#")
    both = base.stop_ids | {other}
    assert Base("turned", base.model, turned, both).end_id == other
    turned.chat_template = None
    assert Base("plain", base.model, turned, both).end_id == base.tokenizer.eos_token_id


def test_states_reach_the_vocabulary_laid_together_whatever_was_cut_off(base: Base) -> None:
    seen: list[Tensor] = []

    def note(_: nn.Module, args: tuple[Tensor, ...]) -> None:
        seen.append(args[0])

    base.model.get_output_embeddings().register_forward_pre_hook(note)
    runner = Runner(base.model)
    ids = torch.ones(3, 5, dtype=torch.long)
    runner.logits(ids, torch.ones_like(ids), runner.cache())
    assert seen[0].shape[:2] == (3, 1)  # the last token of each row
    assert seen[0].stride(0) == seen[0].shape[2]
