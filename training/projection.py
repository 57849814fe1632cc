"""Hidden states to log-probabilities over the vocabulary: the costliest step of all.

In pieces, so that the logits of a whole batch never exist; and with the gradient worked out on the
way, so that nothing of that size is kept for a backward pass or computed twice (as in Liger's fused
linear cross-entropy, Hsu et al. 2024, arXiv:2410.10989). Knows no model and no loss.

Shapes: N tokens, D hidden size, V vocabulary.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

PIECE = 128
"""Tokens that are projected at once."""


def chosen_logprobs(
    hidden_ND: Tensor, head: nn.Module, ids_N: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    """Return log-probability N of given tokens, and the entropy N of what they were chosen from.

    Both at `temperature`. The `head` is linear, with a bias or without; it itself gets no gradient,
    and the entropy has none.
    """
    chosen_N: Tensor
    entropy_N: Tensor
    chosen_N, entropy_N = _Chosen.apply(  # type: ignore[no-untyped-call]
        hidden_ND, head.weight, getattr(head, "bias", None), ids_N, temperature
    )
    return chosen_N, entropy_N


class _Chosen(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch's own
        hidden_ND: Tensor,
        weight_VD: Tensor,
        bias_V: Tensor | None,
        ids_N: Tensor,
        temperature: float,
    ) -> tuple[Tensor, Tensor]:
        """Project piece by piece; d logp(chosen) / d hidden is W[chosen] - sum over v of p(v) W[v].

        Divided by the temperature, as the logits are.
        """
        chosen, entropy, slopes = [], [], []
        for hidden, ids in zip(hidden_ND.split(PIECE), ids_N.split(PIECE), strict=True):
            logp_PV = torch.log_softmax(linear(hidden, weight_VD, bias_V).float() / temperature, -1)
            p_PV = logp_PV.exp()
            chosen.append(logp_PV.gather(1, ids[:, None])[:, 0])
            entropy.append(-(p_PV * logp_PV).sum(-1))
            if ctx.needs_input_grad[0]:
                slope = weight_VD[ids] - p_PV.to(weight_VD.dtype) @ weight_VD
                slopes.append(slope / temperature)
        if slopes:
            ctx.save_for_backward(torch.cat(slopes))
        entropy_N = torch.cat(entropy)
        ctx.mark_non_differentiable(entropy_N)
        return torch.cat(chosen), entropy_N

    @staticmethod
    def backward(
        ctx: Any,  # noqa: ANN401
        chosen_N: Tensor,
        entropy_N: Tensor,
    ) -> tuple[Tensor, None, None, None, None]:
        """Scale what was worked out."""
        del entropy_N
        (slope_ND,) = ctx.saved_tensors
        return chosen_N[:, None].to(slope_ND.dtype) * slope_ND, None, None, None, None
