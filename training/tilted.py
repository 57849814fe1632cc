"""The policy that the head's word on every token asks for, learnt before any answer is drawn.

Where the worth of each next token is known beforehand, so is the policy that earns most within a
bound on KL to the base: pi(v) ~ base(v)^sharpness * exp(worth(v) / price), at the price of a nat that
just uses up the bound (the E-step of MPO: Abdolmaleki et al. 2018, arXiv:1806.06920). The policy is
fitted to it on the tokens of rated answers (the M-step), over the whole vocabulary, so that nothing
is left to chance: what a word is worth, PPO's few draws would tell it only roughly. PPO goes on from
there with what must be drawn to be known.
A sharpness above 1 makes up for odd words by being surer of all others, so answers stay natural.
On `training.anchors` it is held to the base as it is: what is answered isn't a matter of style.
Knows neither who rated nor how an exam is sat.

Shapes: B answers, T tokens of prompt and answer, N answer tokens, D hidden size, V vocabulary.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from training.anchors import ANCHORS
from training.config import TrainingConfig
from training.policy import Policy, gradient_step
from training.projection import Tilt, Wanted, divergences
from training.rollout import Answers, given
from training.worths import Worths

MOST = 5.0
"""Nats by which a token is favoured at most: 150 times as likely as the base finds it."""
LOOKED_AT = 256
"""Answer tokens by which the price is found."""
HALVINGS = 16
PRICES = (1e-4, 1e2)
"""Between which the price of a nat lies, in standard deviations of the score."""


def tilt(policy: Policy, answers: Answers, worths: Worths, config: TrainingConfig) -> Tilt:
    """Return the base bent to what is worth most within `tilt_kl` nats per token of it."""
    with torch.no_grad(), policy.as_reference():
        few = answers.rows(torch.randperm(len(answers))[:LOOKED_AT])
        hidden_ND, place_N = _states(policy, few)
    some = torch.randperm(len(hidden_ND))[:LOOKED_AT]
    logits_NV = policy.logits(hidden_ND[some])
    low, high = map(math.log, PRICES)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        bent = _at(math.exp(middle), worths, policy, config)
        far = float(bent.distance(logits_NV, place_N[some]).mean()) > config.tilt_kl
        low, high = (middle, high) if far else (low, middle)
    return _at(math.exp(high), worths, policy, config)


def anchors(policy: Policy, config: TrainingConfig) -> Answers:
    """Return the answers on which the policy is to stay as the base is."""
    items = [([{"role": "user", "content": question}], answer) for question, answer in ANCHORS]
    return given(policy, items, config)


def learn(
    policy: Policy, answers: Answers, held: Answers, tilt: Tilt, config: TrainingConfig
) -> list[float]:
    """Fit the policy to the tilted base, and on answers that are `held` to the base as it is.

    Returns the KL of the tilted base to the policy before each step, per token.
    """
    as_it_is = Tilt(torch.zeros_like(tilt.nats_V), torch.zeros(config.max_answer + 1), [])
    optimiser = torch.optim.AdamW(policy.parameters, lr=config.tilt_rate, weight_decay=0.0)
    found: list[float] = []
    for rows in _batches(len(answers), config):
        left = min(1.0, 2 - 2 * len(found) / config.tilt_steps)
        optimiser.param_groups[0]["lr"] = config.tilt_rate * left
        far = _loss(policy, answers.rows(rows), tilt)
        some = torch.randperm(len(held))[: config.rated_batch]
        loss = far + _loss(policy, held.rows(some), as_it_is)
        gradient_step(optimiser, loss, policy.parameters, config.grad_norm)
        found.append(float(far.detach()))
    return found


def _at(price: float, worths: Worths, policy: Policy, config: TrainingConfig) -> Tilt:
    return Tilt(
        (worths.words_V / price).clamp(-MOST, MOST).to(policy.base.device),
        (worths.ending_T / price).clamp(-MOST, MOST).to(policy.base.device),
        sorted(policy.base.stop_ids),
        config.tilt_sharpness,
    )


def _batches(size: int, config: TrainingConfig) -> Iterator[Tensor]:
    """Yield row numbers for each step: every answer comes before any comes again."""
    needed = config.tilt_steps * config.rated_batch
    rounds = [torch.randperm(size) for _ in range(-(-needed // size))]
    yield from torch.cat(rounds)[:needed].split(config.rated_batch)


def _loss(policy: Policy, answers: Answers, tilt: Tilt) -> Tensor:
    with torch.no_grad(), policy.as_reference():
        base_ND, place_N = _states(policy, answers)
    own_ND, _ = _states(policy, answers)
    head = policy.base.model.get_output_embeddings()
    wanted = Wanted(base_ND, place_N, tilt)
    return divergences(own_ND, wanted, head, policy.temperature).mean()


def _states(policy: Policy, answers: Answers) -> tuple[Tensor, Tensor]:
    """Return the state ND before each answer token, and how many tokens the answer has with it, N."""
    inside = answers.mask_BT[:, 1:]
    hidden_ND = policy.top(answers.trunk_BTD)[:, :-1][inside]
    return hidden_ND, answers.mask_BT.cumsum(1)[:, 1:][inside]
