"""What was said of answers, and ridge solutions that fit it: several side by side.

Ratings pull by squared error of squashed logits, pairs by the Bradley-Terry likelihood (Bradley and
Terry 1952; Stiennon et al. 2020, arXiv:2009.01325). Knows neither which penalty is right nor what
becomes of a solution.

Shapes: N answers, F features of which the last are the form, R directions, K solutions.
"""

import math
from dataclasses import dataclass

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


def turned(plain_NF: Tensor, wanted: list[bool]) -> Space:
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


def by_conversation(groups: list[str], members: int) -> Tensor:
    """Return how much each member makes of each row: exponential weights, one to a conversation."""
    names = {name: place for place, name in enumerate(sorted(set(groups)))}
    uniform = torch.rand(len(names), members, generator=torch.Generator().manual_seed(0))
    return -uniform.clamp_min(TINY).log()[torch.tensor([names[group] for group in groups])]


def solve(
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
        losses_K = losses(logits_NK, labels, factors_NK)
        loss = losses_K.sum() + penalty * weight_KR.square().sum() / told
        loss.backward()
        return loss

    optimiser.step(closure)
    return space.back_FR @ weight_KR.detach().T, bias_K.detach()


def losses(logits_NK: Tensor, labels: Labels, factors_NK: Tensor) -> Tensor:
    """Return weighted means of squared errors of ratings and Bradley-Terry losses of pairs, K."""
    chosen, rejected = labels.pairs[:, 0], labels.pairs[:, 1]
    errors_NK = (torch.sigmoid(logits_NK[labels.rows]) - labels.targets[:, None]).square()
    bradley_terry_PK = -logsigmoid(logits_NK[chosen] - logits_NK[rejected])
    rates_NK = labels.weights[:, None] * factors_NK[labels.rows]
    rates_PK = labels.pair_weights[:, None] * factors_NK[chosen]
    total_K = (rates_NK.sum(0) + rates_PK.sum(0)).clamp_min(TINY)
    return ((errors_NK * rates_NK).sum(0) + (bradley_terry_PK * rates_PK).sum(0)) / total_K
