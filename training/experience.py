"""What one rollout is to the update: rewards with their prices, values and advantages.

Knows neither where scores come from nor what gradient steps follow.

Shapes: B answers, T tokens of prompt and answer, D hidden size.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.advantages import centred, gae, less_at_the_end, repeated, whiten, worn
from training.config import TrainingConfig
from training.policy import Policy
from training.rollout import Answers, logprobs


@dataclass(frozen=True)
class Learner:
    """What the gradient steps move, and how."""

    policy: Policy
    value_head: nn.Linear
    optimiser: torch.optim.Optimizer
    config: TrainingConfig

    @property
    def trained(self) -> list[nn.Parameter]:
        """Everything that a step changes."""
        return [*self.policy.parameters, *self.value_head.parameters()]


@dataclass(frozen=True)
class Units:
    """What prices are measured in."""

    spread: float  # standard deviation of the first rollout's scores
    surprise: float  # nats per token of the base's own answers, which cost nothing
    dearness: float  # multiplies the prices of leaving the base


@dataclass(frozen=True)
class Experience:
    """What one rollout was, all of it fixed while the policy moves."""

    answers: Answers
    logprobs_BT: Tensor
    reference_BT: Tensor
    states_BTD: Tensor  # of the reference; what the value head reads
    values_BT: Tensor
    advantages_BT: Tensor
    returns_BT: Tensor
    scores_B: Tensor


def new_learner(policy: Policy, config: TrainingConfig) -> Learner:
    """Return what will learn: a fresh value head, and one optimiser for both."""
    value_head = _value_head(policy)
    groups = [
        {"params": policy.parameters, "lr": config.learning_rate},
        {"params": value_head.parameters(), "lr": config.value_rate},
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.0)
    return Learner(policy, value_head, optimiser, config)


def _value_head(policy: Policy) -> nn.Linear:
    head = nn.Linear(int(policy.base.model.config.hidden_size), 1).to(policy.base.device)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return head


@torch.no_grad()
def gather(
    learner: Learner, answers: Answers, shares_BT: Tensor, ended_share: float, units: Units
) -> Experience:
    """Price what each token of a rollout adds to its score, BT, and tell how good it was.

    `ended_share` is how many of people's rated answers came to their own end.
    """
    config, mask_BT = learner.config, answers.mask_BT
    logprobs_BT, _ = logprobs(learner.policy, answers)
    with learner.policy.as_reference():
        reference_BT, states_BTD = logprobs(learner.policy, answers)
    states_BTD = states_BTD.float()
    # An answer that never ends is worse the more surely people's rated answers did end.
    missing_B = (~answers.ended_B).to(shares_BT) * config.missing_eos * ended_share
    relative_BT = less_at_the_end(shares_BT, missing_B, mask_BT)
    relative_BT = centred(relative_BT, mask_BT, config.candidates)
    priced_BT = config.kl_coef * (logprobs_BT - reference_BT)
    priced_BT += config.surprise_coef * (-reference_BT - units.surprise)
    priced_BT += config.variety_coef * worn(answers.ids_BT, mask_BT)
    priced_BT *= units.dearness
    priced_BT += config.repeat_coef * repeated(answers.ids_BT, mask_BT)
    rewards_BT = (relative_BT - units.spread * priced_BT) * mask_BT
    values_BT = state_values(learner.value_head, states_BTD) * mask_BT
    advantages_BT = gae(rewards_BT, values_BT, mask_BT, config.gamma, config.lam)
    return Experience(
        answers,
        logprobs_BT,
        reference_BT,
        states_BTD,
        values_BT,
        whiten(advantages_BT, mask_BT),
        advantages_BT + values_BT,
        shares_BT.sum(1),
    )


def state_values(head: nn.Linear, states_BTD: Tensor) -> Tensor:
    """Return the value of the state before each token; `states` lacks the last place, so pad in front."""
    # Root mean square 1 for any base, so that one learning rate suits all.
    scaled = states_BTD / states_BTD.square().mean(-1, keepdim=True).sqrt().clamp_min(1e-6)
    values_BT: Tensor = head(scaled / math.sqrt(scaled.shape[-1]))[..., 0]
    return torch.cat([torch.zeros_like(values_BT[:, :1]), values_BT], 1)
