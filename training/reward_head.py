"""The reward head: how much people would like an answer, from 0 to 1, and how sure that is.

Linear maps on means over the answer of the frozen base's hidden states (read after the prompt) and of
the kinds of its tokens, and on its form, squashed to 0..1: r = sigmoid(w·phi + b); or small neural
nets, which have hidden units beside the map (`training.hidden`).
Knows features and what was said of them, not where either comes from.

1. There are several members, each fitted to its own random weights of the conversations (Bayesian
   bootstrap: Rubin 1981). Where they differ, the feedback doesn't say; the score is their mean less
   `caution` times their spread (Coste et al. 2024, arXiv:2310.02743).
2. The ridge penalty is the one that predicts unseen conversations best, and these predictions
   calibrate the head (Platt 1999): `training.selection`.
3. What the form of an answer alone explains (its length, its markup) is taken out of the features,
   unless the ratings themselves show that people want it.
4. Each kind of token (digits, commas, short words; words that hedge, thank, give reasons) speaks as
   loud as makes what people said likeliest, `training.relevance`: a few ratings show a liking for a
   way of writing long before one for words.

Departure from the source article: the score is squashed, because an unbounded one ran to 2.25 on
its 0..1 scale under PPO while the true score fell to 0.

Shapes: N answers, F features of which the last are the form, K members, B answers of T tokens.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from training import hidden
from training.form import FORMS
from training.hidden import Hidden
from training.kinds import KINDS
from training.layout import layout
from training.relevance import relevance
from training.ridge import TINY, Labels, by_conversation, space_of
from training.selection import choose

MEMBERS = 8
STATE_GAIN = 0.3
"""How loud a hidden state speaks beside a word: few ratings tell more of words (docs/tried.md)."""
LEADING, LED = 5, 0.1
"""Kinds of tokens that people are told about at most, and the least of them beside the first."""
APART = 1.5
"""Standard deviation of rated answers' logits up to which their squashed scores still tell them apart."""
CLEARLY = 2.0
"""Standard errors from 0 at which people are taken to want a form: 1 in 20 by chance alone."""


@dataclass(frozen=True)
class RewardHead:
    """A fitted head. `weight_FK` and `bias_K` act on standardised features."""

    mean_F: Tensor
    scale_F: Tensor
    weight_FK: Tensor
    bias_K: Tensor
    penalty: float = 0.0
    caution: float = 0.0
    wanted: tuple[str, ...] = ()
    """The forms that people demonstrably want, or want avoided."""
    hidden: Hidden | None = None

    def logits(self, features_NF: Tensor) -> Tensor:
        """Return each member's score of each answer before it is squashed, NK."""
        return self._terms(features_NF) + self.bias_K

    def members(self, features_NF: Tensor) -> Tensor:
        """Return each member's score of each answer, NK."""
        return torch.sigmoid(self.logits(features_NF))

    def mean(self, features_NF: Tensor) -> Tensor:
        """Return how many people in a hundred would like each answer, N, as a share."""
        return self.members(features_NF).mean(1)

    def score(self, features_NF: Tensor) -> Tensor:
        """Return what an answer is surely worth, N: the mean less the doubt; it may fall below 0."""
        members_NK = self.members(features_NF)
        return members_NK.mean(1) - self.caution * spread(members_NK)

    def shares(self, features_BF: Tensor, tokens_BTF: Tensor, mask_BT: Tensor) -> Tensor:
        """Return what each token adds to its answer's score, BT; they sum to the score exactly.

        What no token says alone (form, bias, doubt) falls on all of them evenly.
        """
        told_BT = self.told(features_BF, tokens_BTF, mask_BT)
        length_B = mask_BT.sum(1).clamp_min(1)
        rest_B = self.score(features_BF) - told_BT.sum(1)
        return told_BT + mask_BT * (rest_B / length_B)[:, None]

    def told(self, features_BF: Tensor, tokens_BTF: Tensor, mask_BT: Tensor) -> Tensor:
        """Return by how much each token alone moves the mean score of its answer, BT.

        `tokens_BTF` are the features without the form. A logit is linear in a mean over tokens, so
        it is a sum over tokens; the squashed score is split in the same proportions. Where hidden
        units bend it, it is as linear as `weights` says.
        """
        length_B = mask_BT.sum(1).clamp_min(1)
        size = tokens_BTF.shape[2]
        plain = (tokens_BTF - self.mean_F[:size]) / self.scale_F[:size]
        terms_BTK = plain @ self.weights(features_BF)[:, :size]
        terms_BTK = terms_BTK * (mask_BT / length_B[:, None])[..., None]
        return (terms_BTK * self.slopes(features_BF)[:, None]).mean(2)

    def slopes(self, features_NF: Tensor) -> Tensor:
        """Return by how much each member's score of an answer rises with its logit, NK."""
        rise_NK = self.members(features_NF) - torch.sigmoid(self.bias_K)
        return rise_NK / _apart_from_0(self._terms(features_NF))

    def flatter(self, times: float) -> "RewardHead":
        """Return a head whose logits are so many times smaller."""
        return replace(
            self,
            weight_FK=self.weight_FK / times,
            bias_K=self.bias_K / times,
            hidden=self.hidden.louder(1 / times) if self.hidden else None,
        )

    def weights(self, features_NF: Tensor) -> Tensor:
        """Return the weights of the linear maps that give each answer its logits, NFK."""
        weight_NFK = self.weight_FK.expand(len(features_NF), -1, -1)
        return (
            weight_NFK + self.hidden.weights(self.plain(features_NF)) if self.hidden else weight_NFK
        )

    @property
    def usual_FK(self) -> Tensor:
        """The same about average answers."""
        return self.weights(self.mean_F[None])[0]

    def plain(self, features_NF: Tensor) -> Tensor:
        """Return features as this head weighs them: an average answer is at 0."""
        return (features_NF.float() - self.mean_F) / self.scale_F

    def _terms(self, features_NF: Tensor) -> Tensor:
        plain_NF = self.plain(features_NF)
        terms_NK = plain_NF @ self.weight_FK
        return terms_NK + self.hidden.terms(plain_NF) if self.hidden else terms_NK


def spread(members_NK: Tensor) -> Tensor:
    """Return how much members differ about each answer, N."""
    return members_NK.std(1, correction=0)


def spread_by_words(head: RewardHead, features_NF: Tensor) -> Tensor:
    """Return how much members differ about each answer, N, were its hidden states average ones.

    That much can be told without running the base: `training.doubt`.
    """
    states, average_NF = layout(features_NF.shape[1]).states, features_NF.float().clone()
    average_NF[:, states] = head.mean_F[states]
    return spread(head.members(average_NF))


def steepness(head: RewardHead, features_NF: Tensor) -> float:
    """Return how many times too far apart the logits of rated answers are to be practised by.

    Of a head that is sure of nearly all answers the scores are 0 and 1: a better answer scores no
    better, and the more is known, the less its scores tell (docs/tried.md).
    """
    return max(1.0, float(head.logits(features_NF).mean(1).std(correction=0)) / APART)


def leading(weight_FK: Tensor) -> dict[str, float]:
    """Return the kinds of tokens that move scores most: by how much a usual change moves a logit."""
    worth_C = weight_FK[layout(len(weight_FK)).kinds].mean(1)
    most = worth_C.abs().argsort(descending=True)[:LEADING]
    told = worth_C[most].abs() >= LED * worth_C.abs().max()
    return {KINDS[place]: round(float(worth_C[place]), 3) for place in most[told].tolist()}


def _apart_from_0(values: Tensor) -> Tensor:
    return torch.where(values.abs() < TINY, torch.full_like(values, TINY), values)


def fit(features_NF: Tensor, labels: Labels, caution: float = 0.0, units: int = 0) -> RewardHead:
    """Fit a head to answers whose features have the parts of `training.layout`."""
    scale_F, mean_F = torch.std_mean(features_NF, 0)
    scale_F[scale_F < TINY] = 1.0  # what no rated answer had mustn't be loud in one that has it
    at = layout(features_NF.shape[1])
    scale_F[at.states] /= STATE_GAIN
    plain_NF = (features_NF - mean_F).div_(scale_F)
    wanted = [_clearly_wanted(plain_NF[:, i - len(FORMS)], labels) for i in range(len(FORMS))]
    choice, space = choose(plain_NF, labels, wanted, units), space_of(plain_NF, wanted)
    shape = hidden.Shape(relevance(space, labels).expand(MEMBERS, -1), units)
    factors_NK = by_conversation(labels.groups, MEMBERS)
    found = hidden.fit(space, labels, choice.penalty, factors_NK, shape)
    return RewardHead(
        mean_F,
        scale_F,
        found.weight_FK * choice.slope,
        found.bias_K * choice.slope + choice.shift,
        choice.penalty,
        caution,
        tuple(name for name, yes in zip(FORMS, wanted, strict=True) if yes),
        found.hidden.louder(choice.slope) if found.hidden else None,
    )


def _clearly_wanted(form_N: Tensor, labels: Labels) -> bool:
    """Tell whether ratings and pairs go with a form of the answers, one way or the other."""
    rated, scores = form_N[labels.rows], list[tuple[float, int]]()
    if len(rated) > 2 and rated.std() > TINY and labels.targets.std() > TINY:
        together = torch.corrcoef(torch.stack([rated, labels.targets.to(rated)]))[0, 1]
        scores.append((float(together) * math.sqrt(len(rated)), len(rated)))
    gaps = form_N[labels.pairs[:, 0]] - form_N[labels.pairs[:, 1]]
    if len(gaps) > 2 and gaps.std() > TINY:
        scores.append((float(gaps.mean() / gaps.std()) * math.sqrt(len(gaps)), len(gaps)))
    total = sum(number for _, number in scores)
    # Stouffer's sum of what ratings and pairs say, each with the weight of its number.
    z = sum(z * math.sqrt(number) for z, number in scores) / math.sqrt(max(1, total))
    return abs(z) > CLEARLY
