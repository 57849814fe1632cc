from dataclasses import replace

import pytest
import torch
from torch import Tensor

from training import ppo
from training.config import TrainingConfig
from training.policy import Policy
from training.ppo import (
    NothingLearnt,
    _picked,
    centred,
    gae,
    rewards,
    update,
    whiten,
)
from training.prompts import Turn
from training.rated import RatedAnswers, rated_answers
from training.rollout import Answers, given, logprobs

PROMPTS: list[list[Turn]] = [[{"role": "user", "content": c}] for c in "abcd"]


def rated(policy: Policy, config: TrainingConfig) -> RatedAnswers:
    items = [(PROMPTS[0], "good"), (PROMPTS[1], "bad")]
    answers = given(policy, items, config)
    return rated_answers(policy, answers, torch.tensor([1.0, 0.0]), torch.ones(2))


def count_of(token: int, answers: Answers) -> Tensor:
    """How much of an answer is one token."""
    hits = ((answers.ids_BT == token) & answers.mask_BT).sum(1)
    return hits / answers.mask_BT.sum(1)


def quiet(number: int, stats: ppo.Stats) -> None:
    """Nobody listens."""


def test_advantages_equal_a_loop_written_out() -> None:
    generator = torch.Generator().manual_seed(0)
    reward, value = torch.randn(2, 3, 7, generator=generator)
    mask = torch.zeros(3, 7, dtype=torch.bool)
    for row, (start, end) in enumerate([(1, 5), (2, 7), (3, 4)]):
        mask[row, start:end] = True
    found = gae(reward * mask, value * mask, mask, 0.9, 0.8)
    for row, (start, end) in enumerate([(1, 5), (2, 7), (3, 4)]):
        for t in range(start, end):
            expected = 0.0
            for k in range(t, end):
                after = float(value[row, k + 1]) if k + 1 < end else 0.0
                delta = float(reward[row, k]) + 0.9 * after - float(value[row, k])
                expected += (0.9 * 0.8) ** (k - t) * delta
            assert float(found[row, t]) == pytest.approx(expected, abs=1e-5)
    assert not found[~mask].any()


def test_the_score_lands_on_the_last_token_and_kl_costs_everywhere(config: TrainingConfig) -> None:
    mask = torch.tensor([[False, True, True, False], [False, False, True, True]])
    new, old = torch.full((2, 4), -1.0), torch.full((2, 4), -2.0)
    found = rewards(torch.tensor([1.0, 0.5]), new, old, mask, replace(config, kl_coef=0.1))
    expected = torch.tensor([[0, -0.1, 0.9, 0], [0, 0, -0.1, 0.4]])
    assert torch.allclose(found, expected)


def test_a_score_counts_beside_the_other_candidates_of_its_prompt() -> None:
    found = centred(torch.tensor([0.9, 0.7, 0.1, 0.3]), 2)
    assert torch.allclose(found, torch.tensor([0.1, -0.1, -0.1, 0.1]))
    assert torch.equal(centred(torch.tensor([0.9, 0.7]), 1), torch.tensor([0.9, 0.7]))


def test_every_prompt_is_answered_before_one_comes_again(config: TrainingConfig) -> None:
    four = replace(config, rollouts=8, candidates=2)
    picked = _picked(3, four, torch.Generator().manual_seed(0))
    assert picked[0::2] == picked[1::2]
    assert sorted(picked[0:6:2]) == [0, 1, 2]


def test_advantages_without_variance_become_zero_and_never_nan() -> None:
    mask = torch.ones(2, 3, dtype=torch.bool)
    assert torch.equal(whiten(torch.full((2, 3), 0.7), mask), torch.zeros(2, 3))


def test_whitened_advantages_have_mean_0_and_variance_1_inside_the_mask() -> None:
    mask = torch.tensor([[True, True, False], [True, True, True]])
    found = whiten(torch.randn(2, 3, generator=torch.Generator().manual_seed(0)), mask)
    assert float(found[mask].mean()) == pytest.approx(0, abs=1e-6)
    assert float(found[mask].std()) == pytest.approx(1, abs=1e-5)
    assert float(found[0, 2]) == 0


def test_before_the_first_step_the_ratio_is_1_and_nothing_is_clipped(
    policy: Policy, config: TrainingConfig
) -> None:
    torch.manual_seed(0)
    seen: list[ppo.Stats] = []
    once = replace(config, updates=1, epochs=1, minibatch=8, rated_epochs=0)
    people = rated(policy, once)
    update(policy, lambda a: torch.rand(len(a)), PROMPTS, people, once, lambda _, s: seen.append(s))
    assert seen[0].ratio_max == pytest.approx(1, abs=1e-4)
    assert seen[0].approx_kl == pytest.approx(0, abs=1e-6)
    assert seen[0].clipfrac == 0
    assert seen[0].kl == pytest.approx(0, abs=1e-5)


def test_what_is_rewarded_becomes_more_likely(policy: Policy, config: TrainingConfig) -> None:
    torch.manual_seed(0)
    vowels = [policy.base.tokenizer.convert_tokens_to_ids(c) for c in "aeiou"]
    longer = replace(
        config, updates=8, rollouts=32, minibatch=8, epochs=4, rated_epochs=0,
        kl_coef=0.0,
        gate_kl=100.0, target_kl=10.0,
    )  # fmt: skip
    seen: list[float] = []

    def score(answers: Answers) -> Tensor:
        return torch.stack([count_of(v, answers) for v in vowels]).sum(0)

    update(policy, score, PROMPTS, rated(policy, longer), longer, lambda _, s: seen.append(s.score))
    assert sum(seen[-2:]) / 2 > seen[0] + 0.05


def test_prompt_tokens_get_no_gradient(policy: Policy, config: TrainingConfig) -> None:
    answers = given(policy, [(PROMPTS[0], "good")], config)
    found, _, _ = logprobs(policy, answers)
    outside = found[~answers.mask_BT]
    assert not outside.any()
    outside.sum().backward()
    assert not any(p.grad is not None and p.grad.any() for p in policy.parameters)


def test_an_update_that_changes_nothing_is_an_error(policy: Policy, config: TrainingConfig) -> None:
    still = replace(config, updates=1, rated_epochs=0)
    with torch.no_grad():
        for weight in policy.parameters:
            weight.zero_()  # both LoRA factors at zero: no gradient can reach either
    with pytest.raises(NothingLearnt, match="changed no weight"):
        update(policy, lambda a: count_of(40, a), PROMPTS, rated(policy, still), still, quiet)


def test_weights_that_blow_up_are_an_error(policy: Policy, config: TrainingConfig) -> None:
    with pytest.raises(NothingLearnt, match="NaN"):
        update(
            policy,
            lambda a: torch.full((len(a),), float("nan")),
            PROMPTS,
            rated(policy, config),
            replace(config, updates=1),
            quiet,
        )


def test_the_run_ends_when_the_policy_left_the_base(policy: Policy, config: TrainingConfig) -> None:
    torch.manual_seed(0)
    wild = replace(config, updates=50, learning_rate=0.1, gate_kl=0.05, target_kl=10.0)
    result = update(policy, lambda a: count_of(40, a), PROMPTS, rated(policy, wild), wild, quiet)
    assert result["updates"] < 50
    assert "KL to the base" in result["stopped"]


def test_without_a_prompt_there_is_nothing_to_do(policy: Policy, config: TrainingConfig) -> None:
    with pytest.raises(ValueError, match="at least one prompt"):
        update(policy, lambda a: count_of(40, a), [], rated(policy, config), config, quiet)
