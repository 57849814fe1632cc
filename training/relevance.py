"""How loud each kind of token speaks in a fit: as loud as makes likeliest what people said.

Few ratings can't tell a thousand features apart, but what people go by is often one thing, say that
an answer asks back. So each kind has a gain of its own, and gets that at which a Gaussian process finds
the feedback likeliest: automatic relevance determination (Neal 1996, doi:10.1007/978-1-4612-0745-0;
Rasmussen and Williams 2006, section 5.1). Knows neither the penalty of a fit nor its weights.

Shapes: N ratings and pairs, F features, C kinds of tokens.
"""

import torch
from torch import Tensor

from training.layout import layout
from training.ridge import TINY, Labels, Space

SPREAD = 2.0
"""Standard deviation of the prior of a gain's logarithm, around 0."""
NOISE = 0.2
"""Variance of a rating about what its answer is worth, as the prior has it."""
WIDE = 2.0
"""Standard deviation of the priors of the logarithms of this noise and of the worth's variance."""
FAR = 4.0
"""No logarithm goes further than this from 0."""
STEPS = 20
"""Of L-BFGS; more foretell no better."""
MANY = 256
"""Ratings and pairs that say enough; the work grows with their cube."""
JITTER = 1e-3


def relevance(space: Space, labels: Labels) -> Tensor:
    """Return how loud each feature should speak, F: 1 but for the kinds of tokens."""
    gain_F = torch.ones(space.plain_NF.shape[1])
    gain_F[layout(len(gain_F)).kinds] = _fitted(space, labels)[0].float()
    return gain_F


def evidence(space: Space, labels: Labels) -> float:
    """Return how likely what was said is at these gains, in nats; 0 if nothing was.

    To be held beside that of other labels with the same targets, weights and number of pairs.
    """
    return _fitted(space, labels)[1]


def _fitted(space: Space, labels: Labels) -> tuple[Tensor, float]:
    """Return the gains of the kinds of tokens, C, and the logarithm of their posterior."""
    kinds = layout(space.plain_NF.shape[1]).kinds
    seen_NF, worth_N, doubt_N = _observed(space, labels)
    kinds_NC = seen_NF[:, kinds].clone()
    if not len(seen_NF):
        return torch.ones(kinds_NC.shape[1]), 0.0
    seen_NF[:, kinds] = 0
    return _likeliest(kinds_NC, seen_NF @ seen_NF.T, worth_N, doubt_N)


def enough(labels: Labels) -> Labels:
    """Return as many of the ratings and pairs as are looked at."""
    number = len(labels.rows)
    some = torch.randperm(number + len(labels.pairs), generator=torch.Generator().manual_seed(0))
    some = some[:MANY]
    return labels.only(some[some < number], some[some >= number] - number)


def _observed(space: Space, labels: Labels) -> tuple[Tensor, Tensor, Tensor]:
    """Return the features NF of what was said, how good it is N, and how little that counts N.

    A pair is the difference of its two, which is liked.
    """
    some = enough(labels)
    weights_N = torch.cat([some.weights, some.pair_weights]).clamp_min(TINY)
    targets = some.targets.to(weights_N)
    usual = (targets * some.weights).sum() / some.weights.sum().clamp_min(TINY)
    chosen, rejected = (space.cleared(some.pairs[:, side]) for side in (0, 1))
    seen_NF = torch.cat([space.cleared(some.rows), chosen - rejected]) * space.gain_F
    worth_N = torch.cat([targets - usual, torch.full((len(some.pairs),), 0.5)])
    return seen_NF.double(), worth_N.double(), (1 / weights_N).double()


def _likeliest(
    kinds_NC: Tensor, others_NN: Tensor, worth_N: Tensor, doubt_N: Tensor
) -> tuple[Tensor, float]:
    """Return the gains C of the highest posterior, and its logarithm up to a constant.

    `others_NN` is what all else says of likeness.
    """
    logs = torch.zeros(kinds_NC.shape[1] + 2, dtype=torch.double, requires_grad=True)
    spreads = torch.tensor([SPREAD] * kinds_NC.shape[1] + [WIDE] * 2, dtype=torch.double)
    optimiser = torch.optim.LBFGS([logs], max_iter=STEPS, line_search_fn="strong_wolfe")

    def unlikely() -> Tensor:
        gain_C, variance, noise = _meant(logs)
        alike_NN = variance * ((kinds_NC * gain_C.square()) @ kinds_NC.T + others_NN)
        root_NN = torch.linalg.cholesky(alike_NN + torch.diag(noise * doubt_N + JITTER))
        fit = torch.linalg.solve_triangular(root_NN, worth_N[:, None], upper=False).square().sum()
        loss: Tensor = (
            fit / 2 + root_NN.diagonal().log().sum() + (logs / spreads).square().sum() / 2
        )
        return loss

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = unlikely()
        loss.backward()
        return loss

    optimiser.step(closure)
    with torch.no_grad():
        return _meant(logs)[0], -float(unlikely())


def _meant(logs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return gains C, the variance of worths and the variance of ratings about them."""
    values = (FAR * (logs / FAR).tanh()).exp()
    return values[:-2], values[-2], NOISE * values[-1]
