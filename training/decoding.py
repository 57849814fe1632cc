"""Answers drawn from the policy, many at once. Knows no prompt's words and no reward.

Shapes: B answers, T tokens of prompt and answer so far, V vocabulary.
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

from training.base import Base
from training.forward import Runner

AT_ONCE = 64
"""Answers in one batch; bounds the memory of the cache."""


def generate(
    base: Base, prompts: list[list[int]], max_new_tokens: int, temperature: float
) -> list[list[int]]:
    """Answer each prompt once by plain sampling, with whatever adapter is active in `base`.

    Plain, because with top-k or top-p the KL to the base could go below zero
    (huggingface/trl#1005). A `temperature` of 0 is greedy. The end of an answer stays, so that
    ending is learnt too.
    """
    # Neighbours of one length need little padding.
    order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
    answers: dict[int, list[int]] = {}
    for start in range(0, len(order), AT_ONCE):
        places = order[start : start + AT_ONCE]
        batch = _batch(base, [prompts[place] for place in places], max_new_tokens, temperature)
        answers.update(zip(places, batch, strict=True))
    return [answers[place] for place in range(len(prompts))]


@torch.no_grad()
def _batch(
    base: Base, prompts: list[list[int]], max_new_tokens: int, temperature: float
) -> list[list[int]]:
    runner = Runner(base.model)
    cache, filler, width = runner.cache(), base.tokenizer.pad_token_id, max(map(len, prompts))
    rows = [[filler] * (width - len(prompt)) + prompt for prompt in prompts]
    inside = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    ids_BT = torch.tensor(rows, device=base.device)
    mask_BT = torch.tensor(inside, device=base.device)
    stops = torch.tensor(sorted(base.stop_ids), device=base.device)
    over_B = torch.zeros(len(prompts), dtype=torch.bool, device=base.device)
    drawn: list[Tensor] = []
    while len(drawn) < max_new_tokens and not over_B.all():
        token_B = draw_token(runner.logits(ids_BT, mask_BT, cache), temperature)
        drawn.append(token_B)
        over_B |= torch.isin(token_B, stops)
        ids_BT, mask_BT = token_B[:, None], pad(mask_BT, (0, 1), value=1)
    return [_until_stop(row, base.stop_ids) for row in torch.stack(drawn, 1).tolist()]


def draw_token(logits_BV: Tensor, temperature: float) -> Tensor:
    """Return a token for each row, B, drawn by inverting the cumulative distribution.

    Over a whole vocabulary on a CPU that took a sixth of the time of `torch.multinomial`.
    """
    if temperature == 0:
        return logits_BV.argmax(-1)
    summed_BV = torch.softmax(logits_BV / temperature, -1).cumsum(-1)
    chance_B1 = torch.rand(len(summed_BV), 1, device=summed_BV.device) * summed_BV[:, -1:]
    token_B1 = torch.searchsorted(summed_BV, chance_B1, right=True)
    return token_B1[:, 0].clamp_max(summed_BV.shape[1] - 1)


def _until_stop(ids: list[int], stop_ids: frozenset[int]) -> list[int]:
    """Cut after the first id that ends an answer."""
    for place, token in enumerate(ids):
        if token in stop_ids:
            return ids[: place + 1]
    return ids
