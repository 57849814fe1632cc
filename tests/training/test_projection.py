import math

import pytest
import torch
from torch import Tensor, nn

from training.projection import MOST, PIECE, Places, Tilt, Wanted, chosen_logprobs, divergences


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


def nothing_ahead(places: int) -> tuple[Tensor, Tensor]:
    """Nothing is known of where tokens lead."""
    return torch.zeros(places, 0, dtype=torch.long), torch.zeros(places, 0)


@pytest.fixture
def wanted(drawn: tuple[Tensor, Tensor, Tensor]) -> Wanted:
    """Words 3 and 4 are favoured until they are said, and ending is, the earlier the more.

    Word 7 leads to what isn't liked, and 3 to what is liked more than any token may be favoured for.

    Words 0 and 1 end an answer. All are the same, of three words: 4, 5 and 3.
    """
    nats_V = torch.zeros(11)
    nats_V[3:5] = torch.tensor([1.0, 2.0])
    ending_T = torch.tensor([0.0, 3.0, 1.0, -1.0])
    tilt = Tilt(nats_V, torch.zeros(11), ending_T, [0, 1], sharpness=1.5, price=2.0)
    torch.manual_seed(1)
    answer_PL = torch.tensor([[4, 5, 3]]).expand(PIECE + 5, 3)
    likely_PC = torch.tensor([[7, 3]]).expand(PIECE + 5, 2)
    ahead_PC = torch.tensor([[-1.0, 40.0]]).expand(PIECE + 5, 2)
    places = Places(torch.arange(PIECE + 5) % 3 + 1, answer_PL, likely_PC, ahead_PC)
    return Wanted(torch.randn(PIECE + 5, 6), places, tilt)


def test_divergences_equal_a_loop(drawn: tuple[Tensor, Tensor, Tensor], wanted: Wanted) -> None:
    hidden_ND, weight_VD, _ = drawn
    head = nn.Linear(6, 11, bias=False)
    head.weight.data = weight_VD
    found_N = divergences(hidden_ND, wanted, head, 0.7)
    favour = {3: 1.0 + MOST, 7: -0.5}
    favours: list[dict[int, float]] = [{}, favour, favour]  # 4 is said by then
    for n in range(PIECE + 5):
        own = torch.softmax(hidden_ND[n].detach() @ weight_VD.T / 0.7, 0)
        weights = torch.zeros(11)
        for v in range(11):
            logit = float(wanted.hidden_ND[n] @ weight_VD[v]) / 0.7
            ending = float(wanted.tilt.ending_T[n % 3 + 1]) if v in (0, 1) else 0.0
            weights[v] = math.exp(1.5 * logit + favours[n % 3].get(v, 0.0) + ending)
        p = weights / weights.sum()
        expected = sum(float(p[v]) * math.log(float(p[v]) / float(own[v])) for v in range(11))
        assert float(found_N[n].detach()) == pytest.approx(expected, abs=1e-4)


def test_the_first_token_which_settles_what_is_answered_keeps_the_base_s_order() -> None:
    tilt = Tilt(torch.tensor([0.0, 0.0, 9.0]), torch.zeros(3), torch.zeros(3), [0], sharpness=1.5)
    logits_PV = torch.tensor([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    places = Places(torch.tensor([1, 2]), torch.tensor([[1, 2], [1, 2]]), *nothing_ahead(2))
    first, second = tilt.bend(logits_PV, places).tolist()
    assert first[1] - first[2] == pytest.approx(1.5)
    assert second[2] > second[1]


def test_what_an_answer_has_already_is_favoured_otherwise() -> None:
    tilt = Tilt(torch.tensor([0.0, 2.0, 1.0]), torch.tensor([0.0, 0.5, 1.0]), torch.zeros(4), [0])
    answer_PL = torch.tensor([[2, 1, 2], [2, 1, 2], [2, 2, 1]])
    places = Places(torch.tensor([2, 3, 3]), answer_PL, *nothing_ahead(3))
    bent_PV = tilt.bend(torch.zeros(3, 3), places)
    found = [[round(float(row[v] - row[0]), 4) for v in (1, 2)] for row in bent_PV]
    assert found == [[2.0, 1.0], [0.5, 1.0], [2.0, 1.0]]


def test_the_gradient_of_divergences_is_the_one_that_autograd_finds(
    drawn: tuple[Tensor, Tensor, Tensor], wanted: Wanted
) -> None:
    hidden_ND, weight_VD, _ = drawn
    head = nn.Linear(6, 11, bias=False)
    head.weight.data = weight_VD
    scale_N = torch.rand(PIECE + 5)
    mine_N = divergences(hidden_ND, wanted, head, 0.7)
    (mine,) = torch.autograd.grad((mine_N * scale_N).sum(), hidden_ND)
    p_NV = wanted.tilt.bend(wanted.hidden_ND @ weight_VD.T / 0.7, wanted.places).exp()
    own_NV = torch.log_softmax(hidden_ND @ weight_VD.T / 0.7, -1)
    (theirs,) = torch.autograd.grad((-(p_NV * own_NV).sum(1) * scale_N).sum(), hidden_ND)
    assert torch.allclose(mine, theirs, atol=1e-4)
