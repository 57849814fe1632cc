import pytest
import torch
from torch import Tensor, nn

from training.projection import PIECE, chosen_logprobs


@pytest.fixture
def drawn() -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    hidden_ND = torch.randn(PIECE + 5, 6, requires_grad=True)
    return hidden_ND, torch.randn(11, 6), torch.randint(11, (PIECE + 5,))


@pytest.mark.parametrize("bias_V", [None, torch.linspace(-1, 1, 11)])
def test_log_probabilities_and_entropies_equal_a_loop(
    drawn: tuple[Tensor, Tensor, Tensor], bias_V: Tensor | None
) -> None:
    hidden_ND, weight_VD, ids_N = drawn
    head = nn.Linear(6, 11, bias=bias_V is not None)
    head.weight.data = weight_VD
    if bias_V is not None:
        head.bias.data = bias_V
    chosen_N, entropy_N = chosen_logprobs(hidden_ND, head, ids_N, 0.7)
    for place, token in enumerate(ids_N.tolist()):
        logits = [float(hidden_ND[place].detach() @ weight_VD[v]) for v in range(11)]
        logits = [x + (float(bias_V[v]) if bias_V is not None else 0) for v, x in enumerate(logits)]
        p = torch.softmax(torch.tensor(logits) / 0.7, 0)
        assert float(chosen_N[place].detach()) == pytest.approx(float(p[token].log()), abs=1e-4)
        assert float(entropy_N[place]) == pytest.approx(float(-(p * p.log()).sum()), abs=1e-4)


def test_the_gradient_is_the_one_that_autograd_finds(
    drawn: tuple[Tensor, Tensor, Tensor],
) -> None:
    hidden_ND, weight_VD, ids_N = drawn
    scale_N = torch.randn(len(ids_N))
    head = nn.Linear(6, 11, bias=False)
    head.weight.data = weight_VD
    chosen_N, _ = chosen_logprobs(hidden_ND, head, ids_N, 0.7)
    (mine,) = torch.autograd.grad((chosen_N * scale_N).sum(), hidden_ND)
    plain_NV = torch.log_softmax(hidden_ND @ weight_VD.T / 0.7, -1)
    plain_N = plain_NV.gather(1, ids_N[:, None])[:, 0]
    (theirs,) = torch.autograd.grad((plain_N * scale_N).sum(), hidden_ND)
    assert torch.allclose(mine, theirs, atol=1e-5)
