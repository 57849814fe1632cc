import math

import pytest
import torch
from torch import Tensor, nn

from training.projection import PIECE, Tilt, Wanted, chosen_logprobs, divergences


@pytest.fixture
def drawn() -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    hidden_ND = torch.randn(PIECE + 5, 6, requires_grad=True)
    return hidden_ND, torch.randn(11, 6), torch.randint(11, (PIECE + 5,))


@pytest.mark.parametrize("bias_V", [None, torch.linspace(-1, 1, 11)])
def test_log_probabilities_equal_a_loop(
    drawn: tuple[Tensor, Tensor, Tensor], bias_V: Tensor | None
) -> None:
    hidden_ND, weight_VD, ids_N = drawn
    head = nn.Linear(6, 11, bias=bias_V is not None)
    head.weight.data = weight_VD
    if bias_V is not None:
        head.bias.data = bias_V
    chosen_N = chosen_logprobs(hidden_ND, head, ids_N, 0.7)
    for place, token in enumerate(ids_N.tolist()):
        logits = [float(hidden_ND[place].detach() @ weight_VD[v]) for v in range(11)]
        logits = [x + (float(bias_V[v]) if bias_V is not None else 0) for v, x in enumerate(logits)]
        p = torch.softmax(torch.tensor(logits) / 0.7, 0)
        assert float(chosen_N[place].detach()) == pytest.approx(float(p[token].log()), abs=1e-4)


def test_the_gradient_is_the_one_that_autograd_finds(
    drawn: tuple[Tensor, Tensor, Tensor],
) -> None:
    hidden_ND, weight_VD, ids_N = drawn
    scale_N = torch.randn(len(ids_N))
    head = nn.Linear(6, 11, bias=False)
    head.weight.data = weight_VD
    chosen_N = chosen_logprobs(hidden_ND, head, ids_N, 0.7)
    (mine,) = torch.autograd.grad((chosen_N * scale_N).sum(), hidden_ND)
    plain_NV = torch.log_softmax(hidden_ND @ weight_VD.T / 0.7, -1)
    plain_N = plain_NV.gather(1, ids_N[:, None])[:, 0]
    (theirs,) = torch.autograd.grad((plain_N * scale_N).sum(), hidden_ND)
    assert torch.allclose(mine, theirs, atol=1e-5)


@pytest.fixture
def wanted(drawn: tuple[Tensor, Tensor, Tensor]) -> Wanted:
    """Words 3 and 4 are favoured, and ending, which is words 0 and 1, the earlier the more."""
    nats_V = torch.zeros(11)
    nats_V[3:5] = torch.tensor([1.0, 2.0])
    tilt = Tilt(nats_V, torch.tensor([3.0, 1.0, -1.0]), [0, 1], sharpness=1.5)
    torch.manual_seed(1)
    return Wanted(torch.randn(PIECE + 5, 6), torch.arange(PIECE + 5) % 3, tilt)


def test_divergences_equal_a_loop(drawn: tuple[Tensor, Tensor, Tensor], wanted: Wanted) -> None:
    hidden_ND, weight_VD, _ = drawn
    head = nn.Linear(6, 11, bias=False)
    head.weight.data = weight_VD
    found_N = divergences(hidden_ND, wanted, head, 0.7)
    for n in range(PIECE + 5):
        own = torch.softmax(hidden_ND[n].detach() @ weight_VD.T / 0.7, 0)
        weights = torch.zeros(11)
        for v in range(11):
            logit = float(wanted.hidden_ND[n] @ weight_VD[v]) / 0.7
            ending = float(wanted.tilt.ending_T[n % 3]) if v in (0, 1) else 0.0
            favour = float(wanted.tilt.nats_V[v]) if n % 3 > 1 else 0.0
            weights[v] = math.exp(1.5 * logit + favour + ending)
        p = weights / weights.sum()
        expected = sum(float(p[v]) * math.log(float(p[v]) / float(own[v])) for v in range(11))
        assert float(found_N[n].detach()) == pytest.approx(expected, abs=1e-4)


def test_the_first_token_which_settles_what_is_answered_keeps_the_base_s_order() -> None:
    tilt = Tilt(torch.tensor([0.0, 9.0]), torch.zeros(3), [], sharpness=1.5)
    logits_PV = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    first, second = tilt.bend(logits_PV, torch.tensor([1, 2])).tolist()
    assert first[0] - first[1] == pytest.approx(1.5)
    assert second[1] > second[0]


def test_the_gradient_of_divergences_is_the_one_that_autograd_finds(
    drawn: tuple[Tensor, Tensor, Tensor], wanted: Wanted
) -> None:
    hidden_ND, weight_VD, _ = drawn
    head = nn.Linear(6, 11, bias=False)
    head.weight.data = weight_VD
    scale_N = torch.rand(PIECE + 5)
    mine_N = divergences(hidden_ND, wanted, head, 0.7)
    (mine,) = torch.autograd.grad((mine_N * scale_N).sum(), hidden_ND)
    p_NV = wanted.tilt.bend(wanted.hidden_ND @ weight_VD.T / 0.7, wanted.place_N).exp()
    own_NV = torch.log_softmax(hidden_ND @ weight_VD.T / 0.7, -1)
    (theirs,) = torch.autograd.grad((-(p_NV * own_NV).sum(1) * scale_N).sum(), hidden_ND)
    assert torch.allclose(mine, theirs, atol=1e-4)
