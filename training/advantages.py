"""Rewards of tokens to advantages: pure tensor arithmetic. Knows no model.

Shapes: B answers, T tokens of prompt and answer, G prompts.
"""

from collections import Counter
from collections.abc import Iterator

import torch
from torch import Tensor


def less_at_the_end(shares_BT: Tensor, taken_B: Tensor, mask_BT: Tensor) -> Tensor:
    """Take something off each answer's last token."""
    places = torch.arange(mask_BT.shape[1], device=mask_BT.device)
    last_B1 = (places * mask_BT).argmax(1, keepdim=True)
    return shares_BT.scatter_add(1, last_B1, -taken_B[:, None])


def repeated(ids_BT: Tensor, mask_BT: Tensor, size: int = 3) -> Tensor:
    """Return BT, 1 where a token completes `size` in a row that its answer has had before."""
    found_BT, had = torch.zeros(ids_BT.shape), set[tuple[int, ...]]()
    for row, place, gram in _grams(ids_BT, mask_BT, size):
        found_BT[row, place] = float((row, *gram) in had)
        had.add((row, *gram))
    return found_BT.to(ids_BT.device)


def worn(ids_BT: Tensor, mask_BT: Tensor, size: int = 2) -> Tensor:
    """Return BT, 1 - 1/n where a token completes `size` in a row that all answers have n times.

    Their mean is what distinct-n lacks to 1 (Li et al. 2016, arXiv:1510.03055).
    """
    found_BT, grams = torch.zeros(ids_BT.shape), list(_grams(ids_BT, mask_BT, size))
    times = Counter(gram for _, _, gram in grams)
    for row, place, gram in grams:
        found_BT[row, place] = 1 - 1 / times[gram]
    return found_BT.to(ids_BT.device)


def _grams(
    ids_BT: Tensor, mask_BT: Tensor, size: int
) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """Yield the row of each `size` tokens in a row of an answer, the place of the last, and them."""
    for row, (ids_T, mask_T) in enumerate(zip(ids_BT.cpu(), mask_BT.cpu(), strict=True)):
        places = mask_T.nonzero()[:, 0].tolist()
        answer = ids_T[places].tolist()
        for end in range(size, len(answer) + 1):
            yield row, places[end - 1], tuple(answer[end - size : end])


def centred(shares_BT: Tensor, mask_BT: Tensor, candidates: int) -> Tensor:
    """Make each score relative to the mean of its prompt's candidates, which are neighbours.

    Some prompts get better answers than others whatever the policy does; that would be noise.
    """
    if candidates == 1:
        return shares_BT
    mean_G = shares_BT.sum(1).reshape(-1, candidates).mean(1)
    mean_B = mean_G.repeat_interleave(candidates)
    return shares_BT - mask_BT * (mean_B / mask_BT.sum(1))[:, None]


def gae(rewards_BT: Tensor, values_BT: Tensor, mask_BT: Tensor, gamma: float, lam: float) -> Tensor:
    """Return generalised advantage estimates BT (Schulman et al. 2016, arXiv:1506.02438).

    Answers are contiguous; beyond their last token the value is 0, because the episode is over.
    """
    advantages_BT = torch.zeros_like(rewards_BT)
    following_B = torch.zeros_like(rewards_BT[:, 0])
    next_value_B = torch.zeros_like(following_B)
    for t in range(rewards_BT.shape[1] - 1, -1, -1):
        inside_B = mask_BT[:, t]
        delta_B = rewards_BT[:, t] + gamma * next_value_B - values_BT[:, t]
        following_B = torch.where(inside_B, delta_B + gamma * lam * following_B, 0.0)
        next_value_B = torch.where(inside_B, values_BT[:, t], 0.0)
        advantages_BT[:, t] = following_B
    return advantages_BT


def whiten(values_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """Return masked values with mean 0 and variance 1; without any variance, zeros.

    Dividing by a vanishing deviation would turn rounding errors into gradients.
    """
    inside = values_BT[mask_BT]
    if inside.numel() < 2 or inside.std() < 1e-8:
        return torch.zeros_like(values_BT)
    return (values_BT - inside.mean()) / inside.std() * mask_BT


def masked_mean(values_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """Return the mean over answer tokens."""
    return (values_BT * mask_BT).sum() / mask_BT.sum().clamp_min(1)
