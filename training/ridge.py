"""What was said of answers, and ridge solutions that fit it: several side by side.

Ratings pull by squared error of squashed logits, pairs by the Bradley-Terry likelihood (Bradley and
Terry 1952; Stiennon et al. 2020, arXiv:2009.01325). Knows neither which penalty is right nor what
becomes of a solution.

Shapes: N answers, F features of which the last S are the form, K solutions.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import linear, logsigmoid

from training.form import FORMS

STEPS = 60
STEPS_OF_MANY = 20
"""Of L-BFGS. More answers than features leave little to the penalty: the first steps do nearly all."""
TINY = 1e-6
FORM_GAIN = 10.0
"""How much louder than a hidden state a form speaks once people want it: it is one of a thousand."""


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

    def within(self, some_N: Tensor) -> "Labels":
        """Return what was said of some of the feature rows alone, which keep their numbers."""
        return self.only(some_N[self.rows], some_N[self.pairs].all(1))

    def only(self, rated: Tensor, pairs: Tensor) -> "Labels":
        """Return some of the ratings and some of the pairs, by their places or by masks."""
        return replace(
            self,
            targets=self.targets[rated],
            weights=self.weights[rated],
            rows=self.rows[rated],
            pairs=self.pairs[pairs],
            pair_weights=self.pair_weights[pairs],
        )

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
    """Standardised features, out of which the forms that nobody wants are regressed."""

    plain_NF: Tensor
    explained_SF: Tensor
    """What the unwanted forms explain of all other features."""
    gain_F: Tensor
    """How loud each feature speaks beside the others, before anything was said."""

    def cleared(self, rows: Tensor) -> Tensor:
        """Return the features of some answers without what unwanted forms explain."""
        plain = self.plain_NF[rows]
        return plain - plain[:, -len(FORMS) :] @ self.explained_SF

    def told_back(self, weight_KF: Tensor) -> Tensor:
        """Return weights on plain features that say what `weight_KF` says on cleared ones."""
        forms = weight_KF @ self.explained_SF.T
        return torch.cat([weight_KF[:, : -len(FORMS)], weight_KF[:, -len(FORMS) :] - forms], 1)


def space_of(plain_NF: Tensor, wanted: list[bool]) -> Space:
    """Return the space that solutions are looked for in, by which forms people want."""
    size, keep_S = plain_NF.shape[1], torch.tensor(wanted)
    first = size - len(FORMS)
    unwanted_NS = plain_NF[:, first:] * ~keep_S
    inner_SS = torch.linalg.pinv(unwanted_NS.T @ unwanted_NS, hermitian=True)
    explained_SF = torch.zeros(len(FORMS), size)
    explained_SF[:, :first] = inner_SS @ (unwanted_NS.T @ plain_NF[:, :first])
    gain_F = torch.ones(size)
    gain_F[first:] = keep_S * FORM_GAIN
    return Space(plain_NF, explained_SF, gain_F / math.sqrt(size))


def by_conversation(groups: list[str], members: int) -> Tensor:
    """Return how much each member makes of each row: exponential weights, one to a conversation."""
    names = {name: place for place, name in enumerate(sorted(set(groups)))}
    uniform = torch.rand(len(names), members, generator=torch.Generator().manual_seed(0))
    return -uniform.clamp_min(TINY).log()[torch.tensor([names[group] for group in groups])]


def solve(
    space: Space,
    labels: Labels,
    penalty: float,
    factors_NK: Tensor,
    gain_KF: Tensor,
    start_NK: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Fit K ridge solutions FK side by side, each to rows weighed by its column of factors.

    Each has gains of its own, besides those of the space. Logits `start_NK` are known beforehand, and
    the solutions say what is to be added.
    """
    number, size = space.plain_NF.shape
    gain_KF = gain_KF * space.gain_F
    weight_KF = torch.zeros_like(gain_KF, requires_grad=True)
    bias_K = torch.zeros(len(gain_KF), requires_grad=True)
    steps = STEPS if number < size else STEPS_OF_MANY
    optimiser = torch.optim.LBFGS(
        [weight_KF, bias_K], max_iter=steps, line_search_fn="strong_wolfe"
    )
    told = len(labels.rows) + 2 * len(labels.pairs)

    def closure() -> Tensor:
        optimiser.zero_grad()
        # Members first, as a linear layer has it: else gradients take a CPU ten times as long.
        plain_KF = space.told_back(weight_KF * gain_KF)
        logits_NK = linear(space.plain_NF, plain_KF, bias_K)
        logits_NK = logits_NK if start_NK is None else logits_NK + start_NK
        losses_K = losses(logits_NK, labels, factors_NK)
        loss = losses_K.sum() + penalty * weight_KF.square().sum() / told
        loss.backward()
        return loss

    optimiser.step(closure)
    return space.told_back(weight_KF.detach() * gain_KF).T, bias_K.detach()


def losses(logits_NK: Tensor, labels: Labels, factors_NK: Tensor) -> Tensor:
    """Return weighted means of squared errors of ratings and Bradley-Terry losses of pairs, K."""
    chosen, rejected = labels.pairs[:, 0], labels.pairs[:, 1]
    errors_NK = (torch.sigmoid(logits_NK[labels.rows]) - labels.targets[:, None]).square()
    bradley_terry_PK = -logsigmoid(logits_NK[chosen] - logits_NK[rejected])
    rates_NK = labels.weights[:, None] * factors_NK[labels.rows]
    rates_PK = labels.pair_weights[:, None] * factors_NK[chosen]
    total_K = (rates_NK.sum(0) + rates_PK.sum(0)).clamp_min(TINY)
    return ((errors_NK * rates_NK).sum(0) + (bradley_terry_PK * rates_PK).sum(0)) / total_K
