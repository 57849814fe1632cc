from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.training.test_ppo import PROMPTS
from training.advantages import worn
from training.config import TrainingConfig
from training.experience import Units, gather, new_learner
from training.policy import Policy
from training.prompts import Answer
from training.rollout import Answers, given, logprobs

UNITS = Units(2.0, 3.0, dearness=4.0)


@pytest.fixture
def free(config: TrainingConfig) -> TrainingConfig:
    """Nothing has a price."""
    prices = replace(config, kl_coef=0.0, surprise_coef=0.0, variety_coef=0.0, repeat_coef=0.0)
    return replace(prices, candidates=1)


def check_costs(policy: Policy, config: TrainingConfig, answers: Answers, price_BT: Tensor) -> None:
    """Compare the returns of answers that score nothing with a loop over their prices."""
    nothing = torch.zeros(answers.ids_BT.shape)
    found = gather(new_learner(policy, config), answers, nothing, 0.0, UNITS)
    for row in range(len(answers)):
        left = 0.0
        for t in reversed(answers.mask_BT[row].nonzero()[:, 0].tolist()):
            left = -2.0 * 4.0 * float(price_BT[row, t]) + config.gamma * config.lam * left
            assert float(found.returns_BT[row, t]) == pytest.approx(left, rel=1e-4, abs=1e-4)


def test_what_surprises_the_base_costs(policy: Policy, free: TrainingConfig) -> None:
    dear = replace(free, surprise_coef=5.0)
    answers = given(policy, [(PROMPTS[0], Answer("good")), (PROMPTS[1], Answer("bad"))], dear)
    with torch.no_grad(), policy.as_reference():
        nats_BT, _ = logprobs(policy, answers)
    check_costs(policy, dear, answers, 5.0 * (-nats_BT - 3.0))


def test_what_all_answers_say_costs_more_than_what_one_says(
    policy: Policy, free: TrainingConfig
) -> None:
    dear = replace(free, variety_coef=2.0)
    answers = given(policy, [(PROMPTS[0], Answer("aaab")), (PROMPTS[1], Answer("aaac"))], dear)
    worn_BT = worn(answers.ids_BT, answers.mask_BT)
    assert 0 < float(worn_BT.sum()) < float(answers.mask_BT.sum())
    check_costs(policy, dear, answers, 2.0 * worn_BT)
