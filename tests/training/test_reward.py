from pathlib import Path

import pytest
import torch

from training.config import ConfigError, TrainingConfig
from training.policy import Policy
from training.prompts import Answer
from training.reward import Reward, RewardFunctionFailed, load_function
from training.reward_head import RewardHead
from training.rollout import Answers, given


@pytest.fixture
def answers(policy: Policy, config: TrainingConfig) -> Answers:
    items = [
        ([{"role": "user", "content": "a"}], Answer("good")),
        ([{"role": "user", "content": "b"}], Answer("bad")),
    ]
    return given(policy, items, config)


@pytest.fixture
def head(answers: Answers) -> RewardHead:
    size = answers.features_BF.shape[1]
    weight = torch.randn(size, 3, generator=torch.Generator().manual_seed(0))
    return RewardHead(torch.zeros(size), torch.ones(size), weight, torch.zeros(3), caution=0.5)


def short(prompt: str, response: str) -> float:
    return 1.0 if prompt == "b" and len(response) < 4 else 0.0


def test_the_head_alone_gives_its_cautious_score(
    policy: Policy, answers: Answers, head: RewardHead
) -> None:
    reward = Reward(policy.base, head)
    assert reward.hears_people
    assert torch.equal(reward.score(answers), head.score(answers.features_BF))
    assert torch.allclose(reward.shares(answers).sum(1), reward.score(answers), atol=1e-5)


def test_the_host_s_function_is_added_or_takes_its_place(
    policy: Policy, answers: Answers, head: RewardHead
) -> None:
    alone = Reward(policy.base, head, short, 1.0)
    assert alone.score(answers).tolist() == [0.0, 1.0]
    assert not alone.hears_people
    half = Reward(policy.base, head, short, 0.5)
    assert half.hears_people
    expected = head.score(answers.features_BF) / 2 + torch.tensor([0.0, 0.5])
    assert torch.allclose(half.score(answers), expected)
    shares = half.shares(answers)
    assert torch.allclose(shares.sum(1), expected, atol=1e-5)
    assert not shares[~answers.mask_BT].any()


@pytest.mark.parametrize("wrong", [1.5, -0.1, float("nan"), None, "good"])
def test_a_function_that_returns_no_share_ends_the_cycle_clearly(
    policy: Policy, answers: Answers, head: RewardHead, wrong: float
) -> None:
    reward = Reward(policy.base, head, lambda _p, _r: wrong, 0.5)
    with pytest.raises(RewardFunctionFailed, match="number from 0 to 1"):
        reward.score(answers)


def test_a_function_is_loaded_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def taste(prompt, response):\n    return 0.25\n")
    assert load_function(f"{file}:taste")("a", "b") == 0.25


@pytest.mark.parametrize("where", ["nowhere.py:taste", "{file}:other", "{file}", "taste"])
def test_a_function_that_isn_t_there_is_named(tmp_path: Path, where: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text("taste = 3\n")
    with pytest.raises(ConfigError, match="HITL_REWARD_FUNCTION"):
        load_function(where.format(file=file))
