from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.training.test_ppo import PROMPTS
from training import sharpened
from training.config import TrainingConfig
from training.policy import Policy
from training.rollout import Answers, draw


@pytest.fixture
def answers(policy: Policy, config: TrainingConfig) -> Answers:
    """Answers of a policy that isn't the base any more."""
    torch.manual_seed(0)
    policy.restore([weight + 0.05 * torch.randn_like(weight) for weight in policy.snapshot()])
    return draw(policy, [*PROMPTS, *PROMPTS], config)[0]


def likely(policy: Policy, answers: Answers) -> Tensor:
    """The log-probabilities of all next tokens within the answers, NV."""
    with torch.no_grad():
        states_BTD = policy.top(answers.trunk_BTD)[:, :-1]
        return policy.logits(states_BTD[answers.mask_BT[:, 1:]]).log_softmax(-1)


def test_the_surprise_is_that_of_all_that_might_be_said_next(
    policy: Policy, answers: Answers
) -> None:
    own_NV = likely(policy, answers)
    with policy.as_reference():
        base_NV = likely(policy, answers)
    nats = [
        -sum(float(log.exp()) * float(base) for log, base in zip(said_V, base_V, strict=True))
        for said_NV in (own_NV, base_NV)
        for said_V, base_V in zip(said_NV, base_NV, strict=True)
    ]
    tokens = len(own_NV)
    wanted = sum(nats[:tokens]) / sum(nats[tokens:])
    assert sharpened._surprise(policy, answers) == pytest.approx(wanted, rel=1e-4)


def test_it_ends_once_the_base_is_surprised_little_enough(
    policy: Policy, answers: Answers, config: TrainingConfig
) -> None:
    steps = replace(config, sharpen_steps=40, sharpen_rate=1e-2, sharpen_above=1.0)
    found = sharpened.sharpen(policy, answers, steps)
    assert found[0] > 1.0 >= found[-1]
    assert min(found[:-1]) > 1.0
    assert 1 < len(found) < 1 + 40 // sharpened.LOOK_EVERY


def test_the_policy_comes_close_to_a_power_of_itself(
    policy: Policy, answers: Answers, config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharpened, "LOOK_EVERY", 100)
    before_NV = likely(policy, answers)
    wanted_NV = (sharpened.SHARPNESS * before_NV).log_softmax(-1)
    steps = replace(config, sharpen_steps=100, sharpen_rate=1e-2, sharpen_above=0.1)
    sharpened.sharpen(policy, answers, steps)
    far = [
        float((wanted_NV.exp() * (wanted_NV - own_NV)).sum(-1).mean())
        for own_NV in (before_NV, likely(policy, answers))
    ]
    assert far[1] < far[0] / 2


def test_it_goes_on_from_how_sure_the_policy_has_become(
    policy: Policy, answers: Answers, config: TrainingConfig
) -> None:
    steps = replace(config, sharpen_steps=60, sharpen_rate=2e-2, sharpen_above=0.1)
    once = (sharpened.SHARPNESS * likely(policy, answers)).log_softmax(-1)
    found = sharpened.sharpen(policy, answers, steps)
    assert len(found) == 1 + 60 // sharpened.LOOK_EVERY
    assert float(likely(policy, answers).amax(-1).mean()) > float(once.amax(-1).mean())


def test_what_is_natural_enough_stays_as_it_is(
    policy: Policy, answers: Answers, config: TrainingConfig
) -> None:
    before = policy.snapshot()
    found = sharpened.sharpen(
        policy, answers, replace(config, sharpen_steps=16, sharpen_above=100.0)
    )
    assert found == [pytest.approx(sharpened._surprise(policy, answers))]
    assert all(torch.equal(a, b) for a, b in zip(policy.snapshot(), before, strict=True))


def test_without_steps_nothing_is_looked_at(
    policy: Policy, answers: Answers, config: TrainingConfig
) -> None:
    before = policy.snapshot()
    assert sharpened.sharpen(policy, answers, replace(config, sharpen_steps=0)) == []
    assert all(torch.equal(a, b) for a, b in zip(policy.snapshot(), before, strict=True))
