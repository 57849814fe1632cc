"""The reward head: how much people would like an answer, from 0 to 1, and how sure that is.

Linear maps on means over the answer of the frozen base's hidden states (read after the prompt) and of
the kinds of its tokens, and on its form, squashed to 0..1: r = sigmoid(w·phi + b). Ratings pull by squared error, pairs by the
Bradley-Terry likelihood (Bradley and Terry 1952; Stiennon et al. 2020, arXiv:2009.01325).
Knows features and targets, not where either comes from.

1. There are several members, each fitted to its own random weights of the conversations (Bayesian
   bootstrap: Rubin 1981). Where they differ, the feedback doesn't say; the score is their mean less
   `caution` times their spread (Coste et al. 2024, arXiv:2310.02743).
2. The ridge penalty is the one that predicts unseen conversations best, and these predictions
   calibrate the head (Platt 1999).
3. What the form of an answer alone explains (its length, its markup) is taken out of the features,
   unless the ratings themselves show that people want it.
4. Whether the kinds of tokens (digits, commas, short words) speak louder than single words is chosen
   with the penalty: a few ratings show a liking for a way of writing long before one for words.

Departure from the source article: the score is squashed, because an unbounded one ran to 2.25 on
its 0..1 scale under PPO while the true score fell to 0.

Shapes: N answers, F features of which the last are the form, K members, B answers of T tokens.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, linear, logsigmoid

from training.form import FORMS
from training.layout import layout

MEMBERS = 8
PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3)
"""Ridge penalties to choose from, on standardised features."""
FOLDS = 5
STEPS = 60
STEPS_OF_MANY = 20
"""Of L-BFGS. More answers than features leave little to the penalty: the first steps do nearly all."""
TINY = 1e-6
KIND_GAINS = (1.0, 8.0)
"""How loud kinds of tokens may speak beside a word."""
STATE_GAIN = 0.3
"""How loud a hidden state speaks beside a word: few ratings tell more of words (docs/tried.md)."""
CLEARLY = 2.0
"""Standard errors from 0 at which people are taken to want a form: 1 in 20 by chance alone."""
FORM_GAIN = 10.0
"""How much louder than a hidden state a form speaks once people want it: it is one of a thousand."""
SAMPLE = 2_048
"""Answers on which penalty and calibration are chosen; more make no difference to them."""


@dataclass(frozen=True)
class Labels:
    """Targets 0..1 for rows of a feature matrix, and pairs of row numbers (chosen, rejected).

    `groups` names each row's conversation: no fold splits one, and members weigh them whole.
    """

    targets: Tensor  # one for each rated row
    weights: Tensor
    rows: Tensor
    pairs: Tensor  # P x 2
    pair_weights: Tensor
    groups: list[str]  # one for each feature row

    def followed_by(self, other: "Labels") -> "Labels":
        """Return the labels of both, whose feature rows follow each other."""
        after = len(self.groups)
        return Labels(
            torch.cat([self.targets, other.targets]),
            torch.cat([self.weights, other.weights]),
            torch.cat([self.rows, other.rows + after]),
            torch.cat([self.pairs, other.pairs + after]),
            torch.cat([self.pair_weights, other.pair_weights]),
            [*self.groups, *other.groups],
        )


@dataclass(frozen=True)
class Space:
    """Standardised features, and the directions R in which weights are looked for."""

    plain_NF: Tensor
    back_FR: Tensor


@dataclass(frozen=True)
class Choice:
    """What predicts unseen conversations best, how well (less is better), and what calibrates it."""

    loss: float
    penalty: float
    slope: float
    shift: float


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
    kind_gain: float = 1.0
    """How loud the kinds of tokens speak."""

    def members(self, features_NF: Tensor) -> Tensor:
        """Return each member's score of each answer, NK."""
        return torch.sigmoid(self._terms(features_NF) + self.bias_K)

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
        it is a sum over tokens; the squashed score is split in the same proportions.
        """
        length_B = mask_BT.sum(1).clamp_min(1)
        size = tokens_BTF.shape[2]
        plain = (tokens_BTF - self.mean_F[:size]) / self.scale_F[:size]
        terms_BTK = plain @ self.weight_FK[:size] * (mask_BT / length_B[:, None])[..., None]
        return (terms_BTK * self.slopes(features_BF)[:, None]).mean(2)

    def slopes(self, features_NF: Tensor) -> Tensor:
        """Return by how much each member's score of an answer rises with its logit, NK."""
        rise_NK = self.members(features_NF) - torch.sigmoid(self.bias_K)
        return rise_NK / _apart_from_0(self._terms(features_NF))

    def _terms(self, features_NF: Tensor) -> Tensor:
        return ((features_NF.float() - self.mean_F) / self.scale_F) @ self.weight_FK


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


def _apart_from_0(values: Tensor) -> Tensor:
    return torch.where(values.abs() < TINY, torch.full_like(values, TINY), values)


def fit(features_NF: Tensor, labels: Labels, caution: float = 0.0) -> RewardHead:
    """Fit a head to answers whose features have the parts of `training.layout`."""
    scale_F, mean_F = torch.std_mean(features_NF, 0)
    scale_F.clamp_min_(TINY)
    at = layout(features_NF.shape[1])
    scale_F[at.states] /= STATE_GAIN
    plain_NF = (features_NF - mean_F).div_(scale_F)
    wanted = [_clearly_wanted(plain_NF[:, i - len(FORMS)], labels) for i in range(len(FORMS))]
    gain, choice = _loudest(*_sample(plain_NF, labels), wanted)
    scale_F[at.kinds] /= gain
    plain_NF[:, at.kinds] *= gain
    space = _turned(plain_NF, wanted)
    factors_NK = _by_conversation(labels.groups, MEMBERS)
    weight_FK, bias_K = _solve(space, labels, choice.penalty, factors_NK)
    return RewardHead(
        mean_F,
        scale_F,
        weight_FK * choice.slope,
        bias_K * choice.slope + choice.shift,
        choice.penalty,
        caution,
        tuple(name for name, yes in zip(FORMS, wanted, strict=True) if yes),
        gain,
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


def _turned(plain_NF: Tensor, wanted: list[bool]) -> Space:
    """Return the space that the members are fitted in.

    Forms that nobody wants are regressed out of the other features. Few answers span few
    directions: no more are left then, which changes no ridge solution and makes it much cheaper.
    """
    number, size = plain_NF.shape
    first, keep = size - len(FORMS), torch.tensor(wanted)
    unwanted_NS = plain_NF[:, first:] * ~keep
    inner_SS = torch.linalg.pinv(unwanted_NS.T @ unwanted_NS, hermitian=True)
    back_FF = torch.eye(size)
    back_FF[first:, :first] = -inner_SS @ (unwanted_NS.T @ plain_NF[:, :first])
    back_FF[first:, first:] = torch.diag(keep * FORM_GAIN)
    back_FF /= math.sqrt(size)
    if number >= size:
        return Space(plain_NF, back_FF)
    _, _, turn_RF = torch.linalg.svd(plain_NF @ back_FF, full_matrices=False)
    return Space(plain_NF, back_FF @ turn_RF.T)


def _loudest(plain_NF: Tensor, labels: Labels, wanted: list[bool]) -> tuple[float, Choice]:
    """Return how loud the kinds of tokens should speak, and what is chosen with it."""
    found = []
    for gain in KIND_GAINS:
        loud_NF = plain_NF.clone()
        loud_NF[:, layout(loud_NF.shape[1]).kinds] *= gain
        found.append((gain, _choose(_turned(loud_NF, wanted), labels)))
    return min(found, key=lambda one: one[1].loss)


def _choose(space: Space, labels: Labels) -> Choice:
    """Return the best ridge penalty, and what calibrates the logits it gives."""
    names = {name: place % FOLDS for place, name in enumerate(sorted(set(labels.groups)))}
    fold_N = torch.tensor([names[group] for group in labels.groups])
    inside_NK = (fold_N[:, None] != torch.arange(FOLDS)).float()
    best, logits_N = (math.inf, PENALTIES[0]), torch.zeros(len(fold_N))
    for penalty in PENALTIES:
        weight_FK, bias_K = _solve(space, labels, penalty, inside_NK)
        unseen_N = ((space.plain_NF @ weight_FK + bias_K) * (1 - inside_NK)).sum(1)
        loss = float(_losses(unseen_N[:, None], labels, torch.ones_like(unseen_N)[:, None]))
        if loss < best[0]:
            best, logits_N = (loss, penalty), unseen_N
    return Choice(*best, *_calibrate(logits_N[labels.rows], labels))


def _sample(plain_NF: Tensor, labels: Labels) -> tuple[Tensor, Labels]:
    """Return answers few enough to choose by, with what was said of them."""
    if len(plain_NF) <= SAMPLE:
        return plain_NF, labels
    keep_N = torch.zeros(len(plain_NF), dtype=torch.bool)
    keep_N[labels.rows[_some(len(labels.rows))]] = True
    keep_N[labels.pairs[_some(len(labels.pairs))].flatten()] = True
    rows, pairs = keep_N[labels.rows], keep_N[labels.pairs].all(1)
    place_N = keep_N.cumsum(0) - 1
    return plain_NF[keep_N], Labels(
        labels.targets[rows],
        labels.weights[rows],
        place_N[labels.rows[rows]],
        place_N[labels.pairs[pairs]],
        labels.pair_weights[pairs],
        [group for group, kept in zip(labels.groups, keep_N.tolist(), strict=True) if kept],
    )


def _some(number: int) -> Tensor:
    return torch.randperm(number, generator=torch.Generator().manual_seed(0))[: SAMPLE // 2]


def _calibrate(logits: Tensor, labels: Labels) -> tuple[float, float]:
    """Fit slope and shift to ratings that the logits weren't fitted to (Platt 1999)."""
    if not len(logits):
        return 1.0, 0.0
    line = torch.zeros(2, requires_grad=True)  # the logarithm of the slope, and the shift
    optimiser = torch.optim.LBFGS([line], max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        losses = binary_cross_entropy_with_logits(
            logits * line[0].exp() + line[1],
            labels.targets.to(logits),
            labels.weights,
            reduction="sum",
        )
        loss = losses + line.square().sum()  # few ratings don't say much against 1 and 0
        loss.backward()
        return loss

    optimiser.step(closure)
    log_slope, shift = line.detach().tolist()
    return math.exp(log_slope), shift


def _by_conversation(groups: list[str], members: int) -> Tensor:
    """Return how much each member makes of each row: exponential weights, one to a conversation."""
    names = {name: place for place, name in enumerate(sorted(set(groups)))}
    uniform = torch.rand(len(names), members, generator=torch.Generator().manual_seed(0))
    return -uniform.clamp_min(TINY).log()[torch.tensor([names[group] for group in groups])]


def _solve(
    space: Space, labels: Labels, penalty: float, factors_NK: Tensor
) -> tuple[Tensor, Tensor]:
    """Fit K ridge solutions FK side by side, each to rows weighed by its column of factors."""
    members = factors_NK.shape[1]
    weight_KR = torch.zeros(members, space.back_FR.shape[1], requires_grad=True)
    bias_K = torch.zeros(members, requires_grad=True)
    number, size = space.plain_NF.shape
    steps = STEPS if number < size else STEPS_OF_MANY
    optimiser = torch.optim.LBFGS(
        [weight_KR, bias_K], max_iter=steps, line_search_fn="strong_wolfe"
    )
    told = len(labels.rows) + 2 * len(labels.pairs)

    def closure() -> Tensor:
        optimiser.zero_grad()
        # Members first, as a linear layer has it: else gradients take a CPU ten times as long.
        logits_NK = linear(space.plain_NF, linear(weight_KR, space.back_FR), bias_K)
        losses_K = _losses(logits_NK, labels, factors_NK)
        loss = losses_K.sum() + penalty * weight_KR.square().sum() / told
        loss.backward()
        return loss

    optimiser.step(closure)
    return space.back_FR @ weight_KR.detach().T, bias_K.detach()


def _losses(logits_NK: Tensor, labels: Labels, factors_NK: Tensor) -> Tensor:
    """Return weighted means of squared errors of ratings and Bradley-Terry losses of pairs, K."""
    chosen, rejected = labels.pairs[:, 0], labels.pairs[:, 1]
    errors_NK = (torch.sigmoid(logits_NK[labels.rows]) - labels.targets[:, None]).square()
    bradley_terry_PK = -logsigmoid(logits_NK[chosen] - logits_NK[rejected])
    rates_NK = labels.weights[:, None] * factors_NK[labels.rows]
    rates_PK = labels.pair_weights[:, None] * factors_NK[chosen]
    total_K = (rates_NK.sum(0) + rates_PK.sum(0)).clamp_min(TINY)
    return ((errors_NK * rates_NK).sum(0) + (bradley_terry_PK * rates_PK).sum(0)) / total_K
