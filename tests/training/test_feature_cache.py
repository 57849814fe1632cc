from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from training.config import TrainingConfig
from training.feature_cache import FeatureCache, Item
from training.policy import Policy
from training.prompts import Answer
from training.rollout import given

ITEMS: list[Item] = [
    ([{"role": "user", "content": "a"}], Answer("good")),
    ([{"role": "user", "content": "b"}], Answer("bad")),
    ([{"role": "user", "content": "a"}], Answer("good")),
]


class Counting(FeatureCache):
    """Tells how many answers had to be read."""

    read = 0

    def _work_out(self, items: list[Item]) -> list[torch.Tensor]:
        Counting.read += len(items)
        return super()._work_out(items)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Counting.read = 0
    return tmp_path / "features"


def test_each_answer_is_read_once_and_comes_out_as_it_went_in(
    policy: Policy, config: TrainingConfig, folder: Path
) -> None:
    expected = given(policy, ITEMS, config).features_BF
    for _ in range(2):
        found = Counting(folder, policy, config).features(ITEMS)
        assert torch.allclose(found, expected, atol=2e-3, rtol=1e-3)
    assert Counting.read == 2
    more: Item = ([{"role": "user", "content": "c"}], Answer("new"))
    assert Counting(folder, policy, config).features([*ITEMS, more]).shape[0] == 4
    assert Counting.read == 3


def test_what_nobody_asks_for_any_more_leaves_the_file(
    policy: Policy, config: TrainingConfig, folder: Path
) -> None:
    Counting(folder, policy, config).features(ITEMS)
    Counting(folder, policy, config).features(ITEMS[:1])
    Counting(folder, policy, config).features(ITEMS)
    assert Counting.read == 3


def test_a_glance_reads_the_file_and_leaves_it_as_it_is(
    policy: Policy, config: TrainingConfig, folder: Path
) -> None:
    kept = Counting(folder, policy, config).features(ITEMS[:1])
    (file,) = folder.iterdir()
    before = file.read_bytes()
    found = Counting(folder, policy, config).glance(ITEMS)
    assert torch.equal(found[0], kept[0])
    assert Counting.read == 2
    assert file.read_bytes() == before


def test_another_cut_or_another_base_is_another_file(
    policy: Policy, config: TrainingConfig, folder: Path
) -> None:
    Counting(folder, policy, config).features(ITEMS)
    Counting(folder, policy, replace(config, max_answer=4)).features(ITEMS)
    weight: Any = policy.base.model.get_input_embeddings().weight
    weight.data[0] += 1
    Counting(folder, policy, config).features(ITEMS)
    assert Counting.read == 6
    assert len(list(folder.iterdir())) == 3


def test_an_answer_that_was_stopped_is_another_one(
    policy: Policy, config: TrainingConfig, folder: Path
) -> None:
    turns, whole = ITEMS[0]
    items = [(turns, whole), (turns, replace(whole, ended=False))]
    cache = Counting(folder, policy, config)
    found = [cache.features([item])[0] for item in items]
    assert Counting.read == 2
    assert not torch.equal(*found)


def test_a_file_that_can_t_be_read_is_made_again(
    policy: Policy, config: TrainingConfig, folder: Path
) -> None:
    Counting(folder, policy, config).features(ITEMS)
    (file,) = folder.iterdir()
    file.write_bytes(b"half a fi")
    Counting(folder, policy, config).features(ITEMS)
    Counting(folder, policy, config).features(ITEMS)
    assert Counting.read == 4


def test_nothing_rated_has_no_features(
    policy: Policy, config: TrainingConfig, folder: Path
) -> None:
    assert len(FeatureCache(folder, policy, config).features([])) == 0
