from dataclasses import replace

import pytest
import torch

from tests.training.test_ppo import PROMPTS
from training.advantages import worn
from training.config import TrainingConfig
from training.experience import Units, gather, new_learner
from training.policy import Policy
from training.rollout import given, logprobs


def test_what_surprises_the_base_costs(policy: Policy, config: TrainingConfig) -> None:
    dear = replace(
        config, surprise_coef=5.0, kl_coef=0.0, repeat_coef=0.0, variety_coef=0.0, candidates=1
    )
    answers = given(policy, [(PROMPTS[0], "good"), (PROMPTS[1], "bad")], dear)
    learner = new_learner(policy, dear)
    nothing, units = torch.zeros(answers.ids_BT.shape), Units(2.0, 3.0, dearness=4.0)
    found = gather(learner, answers, nothing, 0.0, units)
    with torch.no_grad(), policy.as_reference():
        nats, _ = logprobs(policy, answers)
    for row in range(2):
        places = answers.mask_BT[row].nonzero()[:, 0].tolist()
        left = 0.0
        for t in reversed(places):
            left = 2.0 * 4.0 * 5.0 * (float(nats[row, t]) + 3.0) + dear.gamma * dear.lam * left
            assert float(found.returns_BT[row, t]) == pytest.approx(left, rel=1e-4, abs=1e-4)


def test_what_all_answers_say_costs_more_than_what_one_says(
    policy: Policy, config: TrainingConfig
) -> None:
    dear = replace(
        config, surprise_coef=0.0, kl_coef=0.0, repeat_coef=0.0, variety_coef=2.0, candidates=1
    )
    answers = given(policy, [(PROMPTS[0], "aaab"), (PROMPTS[1], "aaac")], dear)
    learner = new_learner(policy, dear)
    nothing, units = torch.zeros(answers.ids_BT.shape), Units(2.0, 3.0, dearness=4.0)
    found = gather(learner, answers, nothing, 0.0, units)
    worn_BT = worn(answers.ids_BT, answers.mask_BT)
    assert 0 < float(worn_BT.sum()) < float(answers.mask_BT.sum())
    for row in range(2):
        left = 0.0
        for t in reversed(answers.mask_BT[row].nonzero()[:, 0].tolist()):
            left = -2.0 * 4.0 * 2.0 * float(worn_BT[row, t]) + dear.gamma * dear.lam * left
            assert float(found.returns_BT[row, t]) == pytest.approx(left, rel=1e-4, abs=1e-4)
