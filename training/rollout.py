"""Answers as tensors: drawn from the policy or given by people, and what the model says of them.

Knows neither rewards nor losses.

Shapes: B answers, T tokens of prompt and answer padded on the right, D hidden size, F features,
N answer tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from training.base import Base
from training.config import TrainingConfig
from training.decoding import generate
from training.form import FORMS, measure
from training.policy import Policy
from training.prompts import Answer, Turn, harmless, render

CHUNK = 32
"""Answers that go through the frozen layers at once; bounds memory, changes no number."""
Written = tuple[list[int], list[int]]
"""The tokens of a prompt, and of an answer to it."""


@dataclass(frozen=True)
class Answers:
    """A batch of answers with the frozen part of the forward pass done."""

    turns: list[list[Turn]]
    texts: list[str]
    ids_BT: Tensor
    mask_BT: Tensor  # True on the answer's tokens
    ended_B: Tensor  # whether the answer came to its own end
    trunk_BTD: Tensor
    features_BF: Tensor  # means of `token_features` over the answer, then its `FORMS`

    def __len__(self) -> int:
        return len(self.texts)

    def rows(self, index: Tensor) -> "Answers":
        """Return some of the answers, cut to the longest of them."""
        picked = index.tolist()
        width = int(self.mask_BT[index].any(0).nonzero().max()) + 1
        return Answers(
            [self.turns[i] for i in picked],
            [self.texts[i] for i in picked],
            self.ids_BT[index, :width],
            self.mask_BT[index, :width],
            self.ended_B[index],
            self.trunk_BTD[index, :width],
            self.features_BF[index],
        )


def draw(
    policy: Policy, prompts: Sequence[list[Turn]], config: TrainingConfig
) -> tuple[Answers, Tensor]:
    """Let the policy answer each prompt once; the log-probability of each answer, B, comes with it."""
    heads = [render(policy.base.tokenizer, turns, config.max_prompt) for turns in prompts]
    drawn = generate(policy, heads, config.max_answer)
    written = [(head, one.ids) for head, one in zip(heads, drawn, strict=True)]
    trunk_BTD = pad_sequence([one.trunk_TD for one in drawn], batch_first=True)
    answers = _encoded(policy.base, list(prompts), written, trunk_BTD)
    return answers, torch.stack([one.logprob for one in drawn])


def given(
    policy: Policy, items: Sequence[tuple[list[Turn], Answer]], config: TrainingConfig
) -> Answers:
    """Encode answers that people rated or wrote; what goes beyond `max_answer` tokens is cut."""
    heads = [render(policy.base.tokenizer, turns, config.max_prompt) for turns, _ in items]
    tails = [answer_ids(policy.base, answer)[: config.max_answer] for _, answer in items]
    written = list(zip(heads, tails, strict=True))
    ids_BT = _padded(policy.base, written)
    trunk_BTD = _trunk(policy, ids_BT, torch.tensor([len(h) + len(t) for h, t in written]))
    return _encoded(policy.base, [turns for turns, _ in items], written, trunk_BTD)


def answer_ids(base: Base, answer: Answer) -> list[int]:
    """Tokenise a stored answer; its end, if it has one, is part of what was rated."""
    text = harmless(base.tokenizer, answer.text)
    ids: list[int] = base.tokenizer.encode(text, add_special_tokens=False)
    return [*ids, base.end_id] if answer.ended else ids


def _encoded(
    base: Base, turns: list[list[Turn]], written: list[Written], trunk_BTD: Tensor
) -> Answers:
    """Put together what is known of answers, and what their features are."""
    ids_BT, tails = _padded(base, written), [tail for _, tail in written]
    masks = [torch.tensor([False] * len(head) + [True] * len(tail)) for head, tail in written]
    mask_BT = pad_sequence(masks, batch_first=True).to(base.device)
    parts = zip(ids_BT.split(CHUNK), trunk_BTD.split(CHUNK), mask_BT.split(CHUNK), strict=True)
    means = [_means(token_features(base, ids, trunk), mask.cpu()) for ids, trunk, mask in parts]
    texts = [base.tokenizer.decode(tail, skip_special_tokens=True) for tail in tails]
    return Answers(
        turns,
        texts,
        ids_BT,
        mask_BT,
        torch.tensor([bool(tail) and tail[-1] in base.stop_ids for tail in tails]),
        trunk_BTD,
        torch.cat([torch.cat(means), _forms(texts, tails)], 1),
    )


def _padded(base: Base, written: list[Written]) -> Tensor:
    """Return the token ids BT of prompts with their answers, padded on the right."""
    rows = [torch.tensor(head + tail) for head, tail in written]
    filler = base.tokenizer.pad_token_id
    return pad_sequence(rows, batch_first=True, padding_value=filler).to(base.device)


def _trunk(policy: Policy, ids_BT: Tensor, length_B: Tensor) -> Tensor:
    """Run the frozen layers, answers of one length together: little of a batch is padding then."""
    trunk_BTD: Tensor | None = None
    for rows in length_B.argsort().split(CHUNK):
        width = int(length_B[rows].max())
        part = policy.trunk(ids_BT[rows, :width])
        if trunk_BTD is None:
            trunk_BTD = part.new_zeros(*ids_BT.shape, part.shape[-1])
        trunk_BTD[rows, :width] = part
    if trunk_BTD is None:
        raise ValueError("There is no answer to encode.")
    return trunk_BTD


def token_features(base: Base, ids_BT: Tensor, trunk_BTD: Tensor) -> Tensor:
    """Return BTF: the frozen states at the bottom and where they end, and the kinds of the tokens.

    A head reads their means (`training.layout`). The upper states, read after the prompt, know what the answer is about; the lower ones know its
    words, and the kinds how it is written. Telling two answers to one prompt apart takes them all.
    """
    with torch.no_grad():
        words_BTD = base.model.get_input_embeddings()(ids_BT)
    states_BTF = torch.cat([words_BTD, trunk_BTD], 2).float().cpu()
    return torch.cat([states_BTF, base.kinds_VC[ids_BT.cpu()]], 2)


def _means(features_BTF: Tensor, mask_BT: Tensor) -> Tensor:
    share_BT = mask_BT / mask_BT.sum(1, keepdim=True).clamp_min(1)
    return torch.einsum("bt,btf->bf", share_BT.float(), features_BTF)


def _forms(texts: list[str], tails: list[list[int]]) -> Tensor:
    rows = [measure(text, len(tail)) for text, tail in zip(texts, tails, strict=True)]
    return torch.tensor(rows).reshape(-1, len(FORMS))


def logprobs(policy: Policy, answers: Answers) -> tuple[Tensor, Tensor]:
    """Return the log-probability BT of each answer token, and final hidden states BTD.

    Both are aligned with `ids_BT` and 0 outside the answer. Only answer tokens are projected to the
    vocabulary, which is most of the cost.
    """
    hidden_BTD = policy.top(answers.trunk_BTD)
    before_BTD = hidden_BTD[:, :-1]  # the state that predicts the next token
    mask = answers.mask_BT[:, 1:]
    chosen_N = policy.logprobs(before_BTD[mask], answers.ids_BT[:, 1:][mask])
    return _spread(chosen_N, mask), before_BTD


def _spread(values_N: Tensor, mask: Tensor) -> Tensor:
    """Put answer-token values back at their places; the first token can't be an answer's."""
    spread = torch.zeros(mask.shape, dtype=values_N.dtype, device=values_N.device)
    spread = spread.masked_scatter(mask, values_N)
    return torch.cat([torch.zeros_like(spread[:, :1]), spread], 1)
