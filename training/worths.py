"""What a reward head says of each token before it is drawn: of every word, and of ending here.

The head is linear in means over an answer's tokens, so what a word adds to a score hardly depends on
the answer it stands in. Only what its embedding and its kind say counts here; what the hidden states
say has to be drawn to be known. And what the head's members differ about counts less.

Shapes: V vocabulary, T answer tokens so far, B answers, D hidden size, K members of the head.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from training.base import Base
from training.form import FORMS
from training.layout import layout
from training.reward_head import RewardHead
from training.ridge import TINY
from training.rollout import CHUNK, Answers, token_features

FARTHEST = 4.0
"""Standard deviations: rarer words lie farther out than any that people have rated."""
PART = 8_192
"""Words looked at together; a big base's embeddings are gigabytes in float32."""


@dataclass(frozen=True)
class Worths:
    """In standard deviations of the scores of rated answers."""

    words_V: Tensor  # of each token at any place; 0 for those that end an answer
    ending_T: Tensor  # of ending after so many tokens instead of at the usual length
    said_BT: Tensor  # of the tokens of rated answers, by their hidden states too


def worths(head: RewardHead, base: Base, answers: Answers, share: float = 1.0) -> Worths:
    """Read off the head what tokens are worth, beside those of rated `answers`.

    `share` is the head's part of the reward.
    """
    mask_BT, features_BF = answers.mask_BT.cpu(), answers.features_BF
    length = float(mask_BT.sum(1).float().mean())
    spread = float(head.score(features_BF).std().clamp_min(TINY))
    slope_BFK = head.slopes(features_BF)[:, None]
    weight_FK = (head.weights(features_BF) * slope_BFK).mean(0) * (share / spread)
    words_VK = _told(head, base, weight_FK)
    said_V = torch.bincount(answers.ids_BT.cpu()[mask_BT], minlength=len(words_VK)).float()
    said_V /= said_V.sum()
    words_V = _surely(words_VK - said_V @ words_VK)
    farthest = FARTHEST * (said_V * words_V.square()).sum().sqrt()
    words_V = words_V.clamp(-farthest, farthest) / length
    words_V[sorted(base.stop_ids)] = 0.0
    said_BT = _said(head, base, weight_FK.mean(1) / length, answers)
    return Worths(words_V, _ending(head, weight_FK, mask_BT.shape[1]), said_BT)


def by_member(head: RewardHead, base: Base) -> Tensor:
    """Return what an answer of one word alone is worth to each member, VK, as a part of its logit."""
    return _told(head, base, head.usual_FK)


def _told(head: RewardHead, base: Base, weight_FK: Tensor) -> Tensor:
    """Return what weights on standardised features say of an answer of one word alone, VK."""
    at, plain_FK = layout(len(weight_FK)), weight_FK / head.scale_F[:, None]
    embeddings: Any = base.model.get_input_embeddings()
    parts = embeddings.weight.detach().split(PART)
    words_VK = torch.cat(
        [(part.float().cpu() - head.mean_F[at.words]) @ plain_FK[at.words] for part in parts]
    )
    return words_VK + (base.kinds_VC - head.mean_F[at.kinds]) @ plain_FK[at.kinds]


def _said(head: RewardHead, base: Base, weight_F: Tensor, answers: Answers) -> Tensor:
    """Return what weights on standardised features say of each token of answers, BT."""
    tokens = slice(0, len(weight_F) - len(FORMS))
    plain_F = (weight_F / head.scale_F)[tokens]
    parts = zip(answers.ids_BT.split(CHUNK), answers.trunk_BTD.split(CHUNK), strict=True)
    return torch.cat(
        [(token_features(base, *part) - head.mean_F[tokens]) @ plain_F for part in parts]
    )


def _surely(words_VK: Tensor) -> Tensor:
    """Return the members' mean of each word, drawn towards 0 by their standard deviation, V."""
    mean_V = words_VK.mean(1)
    return mean_V.sign() * (mean_V.abs() - words_VK.std(1, correction=0)).clamp_min(0)


def _ending(head: RewardHead, weight_FK: Tensor, places: int) -> Tensor:
    if "length" not in head.wanted:
        return torch.zeros(places)
    column = FORMS.index("length") - len(FORMS)
    length_T = torch.arange(places).float().log1p()
    return (length_T - head.mean_F[column]) / head.scale_F[column] * weight_FK[column].mean()
