"""What a token leads to: how much the tokens after it will be worth.

Told by the state that the frozen layers come to once it stands there: a value function, as PPO has
one, but linear, fitted by ridge regression to the answers that people rated, and read after the token.
So the likeliest next tokens can be held beside each other before any of them is drawn (a look ahead by
one, as in value-guided decoding: Mudgal et al. 2024, arXiv:2310.17022).
Knows what tokens of rated answers are worth, not why.

Shapes: B answers, T tokens of prompt and answer, N answer tokens, C likely tokens, D hidden size.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

from training.policy import Policy
from training.ridge import TINY
from training.rollout import Answers

DISCOUNT = 0.9
"""Of what comes a token later: far ahead, chance decides."""
PENALTY = 3_000.0
"""Of the ridge regression on standardised states."""
LIKELY, LEAST = 8, 0.02
"""Tokens that are looked at in one place, and how likely they are at least."""
AT_ONCE, AREA = 8, 2**22
"""Answers whose other tokens are run at once, and the squares of their lengths in all: attention's memory."""


@dataclass(frozen=True)
class Foresight:
    """What a state leads to, in the unit of what tokens are worth."""

    mean_D: Tensor
    slope_D: Tensor

    def value(self, states: Tensor) -> Tensor:
        """Return what each state leads to, beside an average one."""
        return (states.float().cpu() - self.mean_D) @ self.slope_D


def foresee(answers: Answers, worth_BT: Tensor) -> Foresight:
    """Learn from answers, and from what each of their tokens was worth, what states lead to."""
    mask_BT = answers.mask_BT.cpu()
    usual = worth_BT[mask_BT].mean()
    future_N = _following((worth_BT - usual) * mask_BT)[mask_BT]
    states_ND = answers.trunk_BTD.cpu()[mask_BT].float()
    scale_D, mean_D = torch.std_mean(states_ND, 0)
    plain_ND = (states_ND - mean_D) / scale_D.clamp_min(TINY)
    inner_DD = plain_ND.T @ plain_ND + PENALTY * torch.eye(plain_ND.shape[1])
    slope_D = torch.linalg.solve(inner_DD, plain_ND.T @ (future_N - future_N.mean()))
    return Foresight(mean_D, slope_D / scale_D.clamp_min(TINY))


def _following(worth_BT: Tensor) -> Tensor:
    """Return the discounted sum of what comes after each token, BT."""
    after_BT = torch.zeros_like(worth_BT)
    for place in range(worth_BT.shape[1] - 2, -1, -1):
        after_BT[:, place] = worth_BT[:, place + 1] + DISCOUNT * after_BT[:, place + 1]
    return after_BT


@torch.no_grad()
def likely(
    policy: Policy, answers: Answers, base_BTD: Tensor, foresight: Foresight | None
) -> tuple[Tensor, Tensor]:
    """Return which tokens the base finds likely after each place, and what they lead to, BTC both.

    Beside what is to be expected there; nothing is said of a token that stands alone. Without any
    foresight C is 0.
    """
    shape = (*answers.ids_BT.shape, LIKELY if foresight else 0)
    token_BTC = answers.ids_BT.new_zeros(shape)
    ahead_BTC = token_BTC.float()
    if foresight is None:
        return token_BTC, ahead_BTC
    inside_BT = pad(answers.mask_BT[:, 1:], (0, 1))
    at_once = max(1, min(AT_ONCE, AREA // inside_BT.shape[1] ** 2))
    for rows in inside_BT.sum(1).argsort().split(at_once):
        row_N, place_N = inside_BT[rows].nonzero().T
        at, seen = (rows[row_N], place_N), (answers.ids_BT[rows], inside_BT[rows])
        token_BTC[at], ahead_BTC[at] = _looked(policy, *seen, base_BTD[at], foresight)
    return token_BTC, ahead_BTC


def _looked(
    policy: Policy, ids_BT: Tensor, inside_BT: Tensor, base_ND: Tensor, foresight: Foresight
) -> tuple[Tensor, Tensor]:
    """Return the likely tokens of some answers, and what each leads to beside the others, NC both."""
    chance_NC, token_NC = policy.logits(base_ND).softmax(-1).topk(LIKELY)
    chance_NC = chance_NC * (chance_NC >= LEAST)
    open_NC = (chance_NC > 0) & ((chance_NC > 0).sum(1, keepdim=True) > 1)
    row_N, before_N = inside_BT.nonzero().T
    number_B = torch.bincount(row_N, open_NC.sum(1), len(ids_BT)).long()

    def by_row(of_M: Tensor) -> Tensor:
        return pad_sequence(of_M.split(number_B.tolist()), batch_first=True)

    place_NC = (before_N + 1)[:, None].expand_as(token_NC)
    states_BCD = policy.branches(ids_BT, by_row(place_NC[open_NC]), by_row(token_NC[open_NC]))
    places = torch.arange(states_BCD.shape[1], device=number_B.device)
    value_M = foresight.value(states_BCD[places < number_B[:, None]]).to(chance_NC)
    value_NC = torch.zeros_like(chance_NC).masked_scatter(open_NC, value_M)
    share_NC = chance_NC / chance_NC.sum(1, keepdim=True).clamp_min(TINY)
    expected_N1 = (share_NC * value_NC).sum(1, keepdim=True)
    return token_NC, (value_NC - expected_N1) * open_NC
