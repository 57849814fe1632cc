import pytest
import torch
from torch import Tensor

from tests.training.test_ppo import PROMPTS
from training.config import TrainingConfig
from training.foresight import DISCOUNT, LEAST, LIKELY, PENALTY, Foresight, foresee, likely
from training.policy import Policy
from training.prompts import Answer
from training.rollout import Answers, given


@pytest.fixture
def answers(policy: Policy, config: TrainingConfig) -> Answers:
    items = [(PROMPTS[0], Answer("good")), (PROMPTS[1], Answer("bad")), (PROMPTS[0], Answer("a"))]
    return given(policy, items, config)


@pytest.fixture
def worth(answers: Answers) -> Tensor:
    return torch.rand(answers.ids_BT.shape, generator=torch.Generator().manual_seed(0))


def test_what_a_state_leads_to_is_a_ridge_regression_of_what_came_after_it(
    answers: Answers, worth: Tensor
) -> None:
    found = foresee(answers, worth)
    states, later = list[Tensor](), list[float]()
    usual = float(worth[answers.mask_BT].mean())
    for row in range(len(answers)):
        places = answers.mask_BT[row].nonzero()[:, 0].tolist()
        for number, place in enumerate(places):
            states.append(answers.trunk_BTD[row, place])
            after = places[number + 1 :]
            told = [(float(worth[row, p]) - usual) * DISCOUNT**n for n, p in enumerate(after)]
            later.append(sum(told))
    states_ND, later_N = torch.stack(states), torch.tensor(later)
    plain_ND = (states_ND - states_ND.mean(0)) / states_ND.std(0)
    inner_DD = plain_ND.T @ plain_ND + PENALTY * torch.eye(plain_ND.shape[1])
    slope_D = torch.linalg.inv(inner_DD) @ plain_ND.T @ (later_N - later_N.mean())
    assert torch.allclose(found.value(states_ND), plain_ND @ slope_D, atol=1e-6)
    assert float(found.value(states_ND).abs().max()) > 0


def test_each_likely_token_is_held_beside_the_others_that_may_come_there(
    policy: Policy, answers: Answers, worth: Tensor
) -> None:
    ahead = foresee(answers, worth)
    base_BTD = policy.top(answers.trunk_BTD)
    token_BTC, ahead_BTC = likely(policy, answers, base_BTD, ahead)
    assert token_BTC.shape == ahead_BTC.shape == (*answers.ids_BT.shape, LIKELY)
    looked = 0
    for row, place in answers.mask_BT.nonzero().tolist():
        chances = policy.logits(base_BTD[row, place - 1][None])[0].softmax(0)
        tokens = [
            t for t in chances.argsort(descending=True)[:LIKELY].tolist() if chances[t] >= LEAST
        ]
        values: list[float] = []
        for token in tokens:
            changed = answers.ids_BT[row : row + 1].clone()
            changed[0, place] = token
            values.append(float(ahead.value(policy.trunk(changed)[0, place])))
        total = sum(float(chances[t]) for t in tokens)
        expected = sum(float(chances[t]) / total * v for t, v in zip(tokens, values, strict=True))
        for token, value in zip(tokens, values, strict=True):
            at = token_BTC[row, place - 1].tolist().index(token)
            told = float(ahead_BTC[row, place - 1, at])
            assert told == pytest.approx(value - expected if len(tokens) > 1 else 0.0, abs=1e-6)
            looked += len(tokens) > 1
        assert not ahead_BTC[row, place - 1, len(tokens) :].any()
    assert looked > 0


def test_nothing_is_said_of_places_outside_the_answer(policy: Policy, answers: Answers) -> None:
    size = answers.trunk_BTD.shape[2]
    ahead = Foresight(torch.zeros(size), torch.ones(size))
    _, ahead_BTC = likely(policy, answers, policy.top(answers.trunk_BTD), ahead)
    before_BT = torch.nn.functional.pad(answers.mask_BT[:, 1:], (0, 1))
    assert ahead_BTC[before_BT].any()
    assert not ahead_BTC[~before_BT].any()


def test_without_foresight_no_token_is_looked_at(policy: Policy, answers: Answers) -> None:
    token_BTC, ahead_BTC = likely(policy, answers, policy.top(answers.trunk_BTD), None)
    assert token_BTC.shape == ahead_BTC.shape == (*answers.ids_BT.shape, 0)
