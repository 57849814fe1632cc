"""Answers drawn from the policy, many at once. Knows no prompt's words and no reward.

Shapes: B answers, U different prompts, T tokens of prompt and answer so far, D hidden size, V vocabulary.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

from training.base import Base
from training.forward import Runner
from training.policy import Policy

AT_ONCE = 64
"""Answers in one batch; bounds the memory of the cache."""


@dataclass(frozen=True)
class Drawn:
    """An answer, and what was found on the way, so that nobody has to run it again."""

    ids: list[int]
    trunk_TD: Tensor  # what the frozen layers make of the prompt and of the answer
    logprob: Tensor  # of all of it, at the temperature that it was drawn with


def generate(policy: Policy, prompts: list[list[int]], max_new_tokens: int) -> list[Drawn]:
    """Answer each prompt once by plain sampling at the policy's temperature.

    Plain, because with top-k or top-p the KL to the base could go below zero
    (huggingface/trl#1005). The end of an answer stays, so that ending is learnt too.
    """
    # Neighbours of one length need little padding, and the same prompt is read once for all of them.
    order = sorted(range(len(prompts)), key=lambda place: (len(prompts[place]), prompts[place]))
    answers: dict[int, Drawn] = {}
    for start in range(0, len(order), AT_ONCE):
        places = order[start : start + AT_ONCE]
        batch = _batch(policy, [prompts[place] for place in places], max_new_tokens)
        answers.update(zip(places, batch, strict=True))
    return [answers[place] for place in range(len(prompts))]


@torch.no_grad()
def _batch(policy: Policy, prompts: list[list[int]], max_new_tokens: int) -> list[Drawn]:
    base, runner = policy.base, Runner(policy.base.model)
    different = list(dict.fromkeys(map(tuple, prompts)))
    prompt_B = torch.tensor([different.index(tuple(p)) for p in prompts], device=base.device)
    ids_UT, mask_UT = _padded(base, different)
    stops = torch.tensor(sorted(base.stop_ids), device=base.device)
    over_B = torch.zeros(len(prompts), dtype=torch.bool, device=base.device)
    cache, tokens, logprobs = runner.cache(), list[Tensor](), list[Tensor]()
    with policy.watched() as seen:
        logits_BV = runner.logits(ids_UT, mask_UT, cache)[prompt_B]
        mask_BT, seen[0] = mask_UT[prompt_B], seen[0][prompt_B]
        cache.batch_select_indices(prompt_B)
        while len(tokens) < max_new_tokens and not over_B.all():
            token_B, logprob_B = draw_token(logits_BV, policy.temperature)
            tokens.append(token_B)
            logprobs.append(logprob_B.masked_fill(over_B, 0.0))
            over_B |= torch.isin(token_B, stops)
            mask_BT = pad(mask_BT, (0, 1), value=1)
            # Once more after the last token: what the layers make of it belongs to the answer.
            logits_BV = runner.logits(token_B[:, None], mask_BT, cache)
    tails = [_until_stop(row, base.stop_ids) for row in torch.stack(tokens, 1).tolist()]
    width = ids_UT.shape[1]
    parts = zip(prompts, tails, torch.cat(seen, 1), torch.stack(logprobs).sum(0), strict=True)
    return [
        Drawn(tail, trunk_TD[width - len(prompt) : width + len(tail)], logprob)
        for prompt, tail, trunk_TD, logprob in parts
    ]


def _padded(base: Base, prompts: list[tuple[int, ...]]) -> tuple[Tensor, Tensor]:
    """Return token ids UT, padded on the left, and 1 where they aren't padding."""
    rows = [torch.tensor(prompt) for prompt in prompts]
    filler, left = base.tokenizer.pad_token_id, "left"
    ids_UT = pad_sequence(rows, batch_first=True, padding_value=filler, padding_side=left)
    inside = [torch.ones_like(row) for row in rows]
    mask_UT = pad_sequence(inside, batch_first=True, padding_side=left)
    return ids_UT.to(base.device), mask_UT.to(base.device)


def draw_token(logits_BV: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Return a token for each row and its log-probability, B, by inverting the cumulative distribution.

    Over a whole vocabulary on a CPU that took a sixth of the time of `torch.multinomial`.
    """
    logprobs_BV = torch.log_softmax(logits_BV / temperature, -1)
    summed_BV = logprobs_BV.exp().cumsum(-1)
    chance_B1 = torch.rand(len(summed_BV), 1, device=summed_BV.device) * summed_BV[:, -1:]
    token_B1 = torch.searchsorted(summed_BV, chance_B1, right=True)
    token_B1.clamp_max_(summed_BV.shape[1] - 1)
    return token_B1[:, 0], logprobs_BV.gather(1, token_B1)[:, 0]


def _until_stop(ids: list[int], stop_ids: frozenset[int]) -> list[int]:
    """Cut after the first id that ends an answer."""
    for place, token in enumerate(ids):
        if token in stop_ids:
            return ids[: place + 1]
    return ids
