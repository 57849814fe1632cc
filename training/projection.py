"""Hidden states to log-probabilities over the vocabulary: the costliest step of all.

In pieces, so that the logits of a whole batch never exist; and with the gradient worked out on the
way, so that nothing of that size is kept for a backward pass or computed twice (as in Liger's fused
linear cross-entropy, Hsu et al. 2024, arXiv:2410.10989). Knows no model and no loss.

Shapes: N tokens, D hidden size, V vocabulary, C tokens that are likely next.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

PIECE = 128
"""Tokens that are projected at once."""
MOST = 5.0
"""Nats by which a token is favoured at most: 150 times as likely as the base finds it."""


@dataclass(frozen=True)
class Places:
    """Where P tokens stand in their answers."""

    number_P: Tensor  # how many tokens the answer has with this one
    answer_PL: Tensor  # all of its tokens
    likely_PC: Tensor  # what may come there; none where nothing is known of where it leads
    ahead_PC: Tensor  # what each of these leads to, besides what it is worth itself

    def rows(self, index: Tensor) -> "Places":
        """Return some of them."""
        return Places(*(part[index] for part in self._parts))

    def split(self, size: int) -> "Iterator[Places]":
        """Yield them in pieces."""
        for pieces in zip(*(part.split(size) for part in self._parts), strict=True):
            yield Places(*pieces)

    @property
    def _parts(self) -> tuple[Tensor, ...]:
        return self.number_P, self.answer_PL, self.likely_PC, self.ahead_PC


@dataclass(frozen=True)
class Tilt:
    """How a distribution over the next token is bent: p(v) becomes p(v)^sharpness * exp(nats(v)).

    An answer's first token is only made surer: it settles what is answered ("No, ..."), the others how
    it is said.
    """

    nats_V: Tensor
    again_V: Tensor  # the same for a token that the answer has already
    ending_T: Tensor  # nats for all of `stops`, by how many tokens the answer has then
    stops: list[int]
    sharpness: float = 1.0
    price: float = 1.0
    """Of a nat, in the unit of what tokens lead to."""

    def bend(self, logits_PV: Tensor, places: Places) -> Tensor:
        """Return the log-probabilities of the bent distribution."""
        bent_PV = self._nats(places).to(logits_PV)
        bent_PV[:, self.stops] += self.ending_T.to(logits_PV)[places.number_P, None]
        return bent_PV.add_(logits_PV, alpha=self.sharpness).log_softmax(-1)

    def _nats(self, places: Places) -> Tensor:
        """Return what is added to each word's logit, PV."""
        nats_PV = self.nats_V.repeat(len(places.number_P), 1)
        since = torch.arange(places.answer_PL.shape[1], device=nats_PV.device)
        said_PL = since < places.number_P[:, None] - 1
        # What isn't said yet changes nothing: an end, which no answer goes on after.
        ids_PL = torch.where(said_PL, places.answer_PL, self.stops[0])
        nats_PV.scatter_(1, ids_PL, self.again_V[ids_PL])
        ahead_PC = (places.ahead_PC / self.price).clamp(-MOST, MOST)
        nats_PV.scatter_add_(1, places.likely_PC, ahead_PC)
        return nats_PV.mul_((places.number_P > 1)[:, None])

    def distance(self, logits_PV: Tensor, places: Places) -> Tensor:
        """Return KL(bent, straight) in nats, P."""
        bent_PV = self.bend(logits_PV, places)
        return (bent_PV.exp() * (bent_PV - torch.log_softmax(logits_PV, -1))).sum(-1)


def chosen_logprobs(
    hidden_ND: Tensor, head: nn.Module, ids_N: Tensor, temperature: float
) -> Tensor:
    """Return the log-probability N of given tokens at `temperature`.

    The `head` is linear, with a bias or without; it itself gets no gradient.
    """
    chosen_N: Tensor = _Chosen.apply(  # type: ignore[no-untyped-call]
        hidden_ND, head.weight, getattr(head, "bias", None), ids_N, temperature
    )
    return chosen_N


@dataclass(frozen=True)
class Wanted:
    """The distributions that N tokens should have been drawn from: the base's, bent."""

    hidden_ND: Tensor  # of the base
    places: Places
    tilt: Tilt

    def split(self, size: int) -> "Iterator[Wanted]":
        """Yield it in pieces."""
        for hidden, places in zip(self.hidden_ND.split(size), self.places.split(size), strict=True):
            yield Wanted(hidden, places, self.tilt)


def divergences(hidden_ND: Tensor, wanted: Wanted, head: nn.Module, temperature: float) -> Tensor:
    """Return KL(wanted, own) in nats, N, over the whole vocabulary at `temperature`.

    Only `hidden_ND` gets a gradient.
    """
    divergence_N: Tensor = _Divergence.apply(  # type: ignore[no-untyped-call]
        hidden_ND, wanted, head.weight, getattr(head, "bias", None), temperature
    )
    return divergence_N


class _Divergence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch's own
        hidden_ND: Tensor,
        wanted: Wanted,
        weight_VD: Tensor,
        bias_V: Tensor | None,
        temperature: float,
    ) -> Tensor:
        """Project piece by piece; d KL / d hidden is the sum over v of (own(v) - wanted(v)) W[v]."""
        found, slopes = [], []
        for hidden, piece in zip(hidden_ND.split(PIECE), wanted.split(PIECE), strict=True):
            own_PV = _logits(hidden, weight_VD, bias_V, temperature).log_softmax(-1)
            base_PV = _logits(piece.hidden_ND, weight_VD, bias_V, temperature)
            wanted_PV = piece.tilt.bend(base_PV, piece.places)
            p_PV = wanted_PV.exp()
            found.append(torch.linalg.vecdot(p_PV, wanted_PV.sub_(own_PV)))
            if ctx.needs_input_grad[0]:
                slope_PV = own_PV.exp_().sub_(p_PV)
                slopes.append(slope_PV.to(weight_VD.dtype) @ weight_VD / temperature)
        if slopes:
            ctx.save_for_backward(torch.cat(slopes))
        return torch.cat(found)

    @staticmethod
    def backward(
        ctx: Any,  # noqa: ANN401
        divergence_N: Tensor,
    ) -> tuple[Tensor, None, None, None, None]:
        """Scale what was worked out."""
        (slope_ND,) = ctx.saved_tensors
        return divergence_N[:, None].to(slope_ND.dtype) * slope_ND, None, None, None, None


class _Chosen(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch's own
        hidden_ND: Tensor,
        weight_VD: Tensor,
        bias_V: Tensor | None,
        ids_N: Tensor,
        temperature: float,
    ) -> Tensor:
        """Project piece by piece; d logp(chosen) / d hidden is W[chosen] - sum over v of p(v) W[v].

        Divided by the temperature, as the logits are.
        """
        chosen, slopes = [], []
        for hidden, ids in zip(hidden_ND.split(PIECE), ids_N.split(PIECE), strict=True):
            logits_PV = _logits(hidden, weight_VD, bias_V, temperature)
            total_P = logits_PV.logsumexp(-1)
            chosen.append(logits_PV.gather(1, ids[:, None])[:, 0] - total_P)
            if ctx.needs_input_grad[0]:
                p_PV = logits_PV.sub_(total_P[:, None]).exp_()
                slope = weight_VD[ids] - p_PV.to(weight_VD.dtype) @ weight_VD
                slopes.append(slope / temperature)
        if slopes:
            ctx.save_for_backward(torch.cat(slopes))
        return torch.cat(chosen)

    @staticmethod
    def backward(
        ctx: Any,  # noqa: ANN401
        chosen_N: Tensor,
    ) -> tuple[Tensor, None, None, None, None]:
        """Scale what was worked out."""
        (slope_ND,) = ctx.saved_tensors
        return chosen_N[:, None].to(slope_ND.dtype) * slope_ND, None, None, None, None


def _logits(
    hidden_PD: Tensor, weight_VD: Tensor, bias_V: Tensor | None, temperature: float
) -> Tensor:
    """Return logits in float32, which the caller may overwrite."""
    return linear(hidden_PD, weight_VD, bias_V).float().div_(temperature)
