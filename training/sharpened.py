"""The policy made surer of what it says anyway, until what it says is natural enough again.

Each update makes some words likelier that the base finds odd, and its price on them, met by chance in a
few answers, tells it hardly anything of the rest. So afterwards the policy is fitted to itself to a
power above 1 on the answers that it has just drawn, over the whole vocabulary: whatever it was about
to say anyway it says more surely, and the base is less surprised on the whole. What the update taught
stays, but for variety, which has a price of its own.
Knows no reward.

Shapes: B answers, T tokens of prompt and answer, N answer tokens, D hidden size, V vocabulary.
"""

from dataclasses import replace

import torch

from training.config import TrainingConfig
from training.policy import Policy, gradient_step
from training.projection import PIECE
from training.ridge import TINY
from training.rollout import CHUNK, Answers
from training.tilted import Seen, batches, divergence, untilted

SHARPNESS = 1.2
"""The power, of what the policy is at each look: so a few steps more make it surer still."""
LOOKED_AT = 16
"""Answers by which the base's surprise is told."""
LOOK_EVERY = 4
"""Steps between two looks at it."""


def sharpen(policy: Policy, answers: Answers, config: TrainingConfig) -> list[float]:
    """Make the policy surer until the base is surprised at most `sharpen_above` times as much.

    Takes `sharpen_steps` at most, on answers that were drawn a moment ago. Returns how many times as
    much it is surprised, at first and then at each look.
    """
    if not config.sharpen_steps:
        return []
    few = answers.rows(torch.randperm(len(answers))[:LOOKED_AT])
    found = [_surprise(policy, few)]
    if found[0] <= config.sharpen_above:
        return found
    optimiser = torch.optim.AdamW(policy.parameters, lr=config.sharpen_rate, weight_decay=0.0)
    surer = replace(untilted(policy, config), sharpness=SHARPNESS)
    for number, rows in enumerate(batches(len(answers), config.sharpen_steps, config.rated_batch)):
        if number % LOOK_EVERY == 0:
            seen = _seen(policy, answers)
        part = seen.rows(rows)
        loss = divergence(policy, policy.top(part.below_BTD), part, surer)
        gradient_step(optimiser, loss, policy.parameters, config.grad_norm)
        if (number + 1) % LOOK_EVERY == 0:
            found.append(_surprise(policy, few))
            if found[-1] <= config.sharpen_above:
                break
    return found


@torch.no_grad()
def _seen(policy: Policy, answers: Answers) -> Seen:
    """Return the answers with what the policy as it is makes of them, in the base's place.

    All adapted layers learn, so they begin where the frozen ones end, not below the last layer.
    """
    states_BTD = torch.cat([policy.top(part) for part in answers.trunk_BTD.split(CHUNK)])
    return Seen(answers.ids_BT, answers.mask_BT, answers.trunk_BTD, states_BTD)


@torch.no_grad()
def _surprise(policy: Policy, answers: Answers) -> float:
    """Return how much the next token surprises the base on average, beside the base's own next token.

    Over all that it might be, at the same places: what was drawn, and to which questions, tells
    little of it.
    """
    inside = answers.mask_BT[:, 1:]
    own_ND = policy.top(answers.trunk_BTD)[:, :-1][inside]
    with policy.as_reference():
        base_ND = policy.top(answers.trunk_BTD)[:, :-1][inside]
    policys = bases = 0.0
    for own_PD, base_PD in zip(own_ND.split(PIECE), base_ND.split(PIECE), strict=True):
        likely_PV = policy.logits(base_PD).log_softmax(-1)
        policys -= float((policy.logits(own_PD).softmax(-1) * likely_PV).sum())
        bases -= float((likely_PV.exp() * likely_PV).sum())
    return policys / max(bases, TINY)
