from dataclasses import replace
from pathlib import Path

import pytest
import torch

from storage.home import Home
from training import heads
from training.heads import NoHead, Reading
from training.hidden import Hidden
from training.kinds import KINDS
from training.reward_head import RewardHead

READING = Reading("tiny", frozen=1, max_prompt=16, max_answer=8, cycle=3)


def drawn(features: int = 6, seed: int = 0) -> RewardHead:
    chance = torch.Generator().manual_seed(seed)
    return RewardHead(
        torch.randn(features, generator=chance),
        torch.rand(features, generator=chance) + 0.5,
        torch.randn(features, 4, generator=chance),
        torch.randn(4, generator=chance),
        penalty=0.03,
        caution=0.5,
        wanted=("length",),
    )


def test_a_head_comes_back_as_it_was_kept(home: Home) -> None:
    head = drawn()
    heads.keep(home.head, head, READING)
    again, reading = heads.load(home.head)
    features = torch.randn(5, 6)
    assert torch.equal(again.score(features), head.score(features))
    assert (again.penalty, again.caution, again.wanted) == (0.03, 0.5, ("length",))
    assert reading == READING


def test_hidden_units_come_back_with_their_head(home: Home) -> None:
    chance = torch.Generator().manual_seed(1)
    sizes = (4, 2, 6), (4, 2), (4, 2)
    units = Hidden(*(torch.randn(*size, generator=chance) for size in sizes))
    head = replace(drawn(), hidden=units)
    heads.keep(home.head, head, READING)
    features = torch.randn(5, 6, generator=chance)
    assert torch.equal(heads.load(home.head)[0].score(features), head.score(features))
    assert not torch.equal(head.score(features), drawn().score(features))


def test_the_newest_head_takes_the_place_of_the_one_before(home: Home) -> None:
    for seed in (0, 1):
        heads.keep(home.head, drawn(seed=seed), READING)
    assert torch.equal(heads.load(home.head)[0].weight_FK, drawn(seed=1).weight_FK)
    assert [file.name for file in home.folder.glob("head*")] == ["head.safetensors"]


def test_no_head_and_a_broken_one_are_told_apart_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(NoHead, match="No reward head yet"):
        heads.load(tmp_path / "head.safetensors")
    (tmp_path / "head.safetensors").write_bytes(b"half a file")
    with pytest.raises(NoHead, match="can't be read"):
        heads.load(tmp_path / "head.safetensors")


def test_a_head_that_goes_by_other_kinds_of_tokens_is_not_asked(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads.keep(home.head, drawn(), READING)
    monkeypatch.setattr(heads, "KINDS", KINDS[1:])
    with pytest.raises(NoHead, match="other kinds of tokens"):
        heads.load(home.head)
