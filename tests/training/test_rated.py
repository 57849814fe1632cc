from dataclasses import replace

import torch

from tests.training.test_ppo import PROMPTS, rated
from training.config import TrainingConfig
from training.policy import Policy
from training.prompts import Answer
from training.rated import FEW, rated_answers, warm_up
from training.rollout import given, logprobs


def test_liked_answers_become_likelier_and_disliked_ones_less(
    policy: Policy, config: TrainingConfig
) -> None:
    torch.manual_seed(0)
    people = rated(policy, config)
    losses = warm_up(policy, people, replace(config, rated_epochs=8, rated_rate=1e-2))
    with torch.no_grad():
        change = logprobs(policy, people.answers)[0].sum(1) - people.reference_B
    assert float(change[0]) > 0 > float(change[1])
    assert losses[-1] < losses[0]


def test_many_rated_answers_move_the_policy_no_further_than_few(
    policy: Policy, config: TrainingConfig
) -> None:
    torch.manual_seed(0)
    items = [(PROMPTS[i % 4], Answer("good" if i % 2 else "bad")) for i in range(40)]
    answers = given(policy, items, config)
    liked = torch.tensor([float(i % 2) for i in range(40)])
    many = rated_answers(policy, answers, liked, torch.ones(40))
    before = policy.snapshot()
    warm_up(policy, many, replace(config, rated_epochs=1, rated_rate=1e-2, rated_batch=1))
    after = policy.snapshot()
    moved = max(float((a - b).abs().max()) for a, b in zip(after, before, strict=True))
    assert 0 < moved < FEW * 1e-2 * 1.5


def test_the_share_that_ended_tells_whether_people_saw_endings(
    policy: Policy, config: TrainingConfig
) -> None:
    assert rated(policy, config).ended_share == 1.0
    for endless in (Answer("x" * 50), Answer("good", ended=False)):
        answers = given(policy, [(PROMPTS[0], endless)], config)
        assert rated_answers(policy, answers, torch.ones(1), torch.ones(1)).ended_share == 0.0
