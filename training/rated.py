"""The answers that people rated, learnt from directly, before PPO rolls out any of its own.

A head fitted on few ratings sees less in them than they hold. The loss is KTO's (Ethayarajh et al.
2024, arXiv:2402.01306), against the base, with its reference point left at 0: how far the tilt and
earlier versions have moved the policy isn't taken off. Knows no reward.

Shapes: B answers, T tokens of prompt and answer.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import sigmoid

from training.config import TrainingConfig
from training.policy import Policy, gradient_step
from training.rollout import CHUNK, Answers, logprobs

FEW = 4
"""Steps at the full rate. More of them go no further in all: what hundreds of dislikes push away
together would leave all bounds before any exam, so more answers tell the way more surely instead."""


@dataclass(frozen=True)
class RatedAnswers:
    """Answers that people rated, which the update also learns from directly."""

    answers: Answers
    liked_B: Tensor  # 1 liked .. 0 disliked
    weight_B: Tensor
    reference_B: Tensor  # log-probability of the whole answer under the base
    ended_share: float  # how many of them came to their own end within the token limit


def rated_answers(
    policy: Policy, answers: Answers, liked_B: Tensor, weight_B: Tensor
) -> RatedAnswers:
    """Prepare rated answers for `update`: what never changes about them is worked out once."""
    with torch.no_grad(), policy.as_reference():
        parts = torch.arange(len(answers)).split(CHUNK)
        reference = [logprobs(policy, answers.rows(part))[0].sum(1) for part in parts]
    ended = float(answers.ended_B.float().mean())
    return RatedAnswers(answers, liked_B, weight_B, torch.cat(reference), ended)


def warm_up(policy: Policy, rated: RatedAnswers, config: TrainingConfig) -> list[float]:
    """Learn from the rated answers alone first; returns the mean loss of each epoch.

    They cost no generation, so they are the cheapest steps there are.
    """
    steps = config.rated_epochs * math.ceil(len(rated.answers) / config.rated_batch)
    rate = config.rated_rate * min(1.0, FEW / max(steps, 1))
    optimiser = torch.optim.AdamW(policy.parameters, lr=rate, weight_decay=0.0)
    losses = []
    for _ in range(config.rated_epochs if len(rated.answers) else 0):
        epoch = []
        for rows in torch.randperm(len(rated.answers)).split(config.rated_batch):
            loss = _loss(policy, rated, rows, config.rated_beta)
            gradient_step(optimiser, loss, policy.parameters, config.grad_norm)
            epoch.append(float(loss.detach()))
        losses.append(sum(epoch) / len(epoch))
    return losses


def _loss(policy: Policy, rated: RatedAnswers, rows: Tensor, beta: float) -> Tensor:
    """Return the KTO loss of some rated answers; a target between 0 and 1 is a mixture."""
    new_BT, _ = logprobs(policy, rated.answers.rows(rows))
    margin_B = new_BT.sum(1) - rated.reference_B[rows]
    liked_B = rated.liked_B[rows].to(margin_B)
    value_B = liked_B * sigmoid(beta * margin_B) + (1 - liked_B) * sigmoid(-beta * margin_B)
    weight_B = rated.weight_B[rows].to(margin_B)
    return ((1 - value_B) * weight_B).sum() / weight_B.sum().clamp_min(1e-6)
