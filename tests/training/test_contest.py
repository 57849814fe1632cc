from dataclasses import replace

import pytest
import torch

from training.change import NothingLearnt
from training.config import TrainingConfig
from training.contest import Contest, of_cycle
from training.gate import AS_LONG
from training.policy import Policy
from training.prompts import Answer
from training.reward import Reward
from training.reward_head import RewardHead
from training.rollout import given


@pytest.fixture
def contest(policy: Policy, config: TrainingConfig) -> Contest:
    prompts = [[{"role": "user", "content": letter}] for letter in "abcdef"]
    size = given(policy, [(prompts[0], Answer("x"))], config).features_BF.shape[1]
    weight = torch.randn(size, 2, generator=torch.Generator().manual_seed(0))
    head = RewardHead(torch.zeros(size), torch.ones(size), weight, torch.zeros(2))
    lax = replace(config, gate_surprise=100.0, gate_distinct=0.0, gate_repeat=1.0, gate_kl=100.0)
    return Contest(policy, prompts, Reward(policy.base, head), lax)


def never(_question: str, _answer: str) -> float:
    return 0.0


def of(contest: Contest, cycle: int, heard: list[tuple[str, str]]) -> Contest:
    """That cycle's contest over the same questions; what is answered is kept."""

    def listen(question: str, answer: str) -> float:
        heard.append((question, answer))
        return 0.5

    reward = Reward(contest.policy.base, contest.reward.head, listen, 1.0)
    return replace(contest, config=of_cycle(contest.config, cycle), reward=reward)


def stray(policy: Policy) -> None:
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in policy.parameters:
            weight.add_(torch.randn_like(weight) * 0.5)


def test_the_base_answers_for_itself_only_where_an_adapter_serves(contest: Contest) -> None:
    bare = contest.served(AS_LONG, bare=True)
    assert bare.base is bare.served
    stray(contest.policy)
    adapted = contest.served(AS_LONG, bare=False)
    assert adapted.base == bare.base
    assert adapted.served != bare.served


def test_what_serves_answers_twice_and_each_time_otherwise(contest: Contest) -> None:
    scores = contest.served(AS_LONG, bare=True).served.scores
    assert len(scores) == 12
    assert scores[:6] != scores[6:]


def test_no_version_is_measured_by_the_answers_that_it_was_chosen_for(contest: Contest) -> None:
    chosen_for, measured_by = list[tuple[str, str]](), list[tuple[str, str]]()
    yardstick = contest.served(AS_LONG, bare=True)
    of(contest, 1, chosen_for).verdict(yardstick)
    of(contest, 2, measured_by).served(AS_LONG, bare=True)
    assert len(chosen_for) == len(measured_by) == 12
    assert set(chosen_for).isdisjoint(measured_by)


def test_an_exam_of_the_served_version_itself_is_a_defect(contest: Contest) -> None:
    exam = contest.exam(contest.served(AS_LONG, bare=True))
    with pytest.raises(NothingLearnt, match="exactly as the served"):
        exam()


def test_other_answers_that_score_the_same_are_no_defect(contest: Contest) -> None:
    alike = replace(contest, reward=Reward(contest.policy.base, contest.reward.head, never, 1.0))
    yardstick = alike.served(AS_LONG, bare=True)
    stray(alike.policy)
    assert alike.exam(yardstick)().score == yardstick.served.score == 0.0


def test_an_exam_gives_the_mean_score_and_the_bounds_that_were_left(contest: Contest) -> None:
    yardstick = contest.served(AS_LONG, bare=True)
    wide = replace(yardstick, lengths=replace(AS_LONG, low=0.0, high=100.0))
    stray(contest.policy)
    found = contest.exam(wide)()
    assert found.passed
    assert 0 <= found.score <= 1
    strict = replace(contest, config=replace(contest.config, gate_kl=0.001))
    (missed,) = strict.exam(wide)().missed
    assert "at most 0.00075" in missed


def test_a_served_version_near_the_bounds_has_no_room_to_get_better(contest: Contest) -> None:
    bare = contest.served(AS_LONG, bare=True)
    assert contest.start(bare).passed
    assert contest.start(bare).score == bare.served.score
    near = replace(bare, served=replace(bare.served, kl=0.6 * contest.config.gate_kl))
    (missed,) = contest.start(near).missed
    assert "KL to the base" in missed


def test_an_exam_is_failed_where_a_canary_is_lost(contest: Contest) -> None:
    yardstick = contest.served(AS_LONG, bare=True)
    knew = replace(yardstick.served, canaries=dict.fromkeys(yardstick.served.canaries, 100.0))
    lengths = replace(AS_LONG, low=0.0, high=100.0)
    wide = replace(yardstick, served=knew, base=knew, lengths=lengths)
    stray(contest.policy)
    (missed,) = contest.exam(wide)().missed
    assert "Canary questions lost" in missed


def test_the_verdict_is_given_on_fresh_answers(contest: Contest) -> None:
    yardstick = contest.served(AS_LONG, bare=True)
    verdict = contest.verdict(yardstick)
    assert verdict.figures["prompts"] == 12  # six questions, twice each
    assert verdict.figures["gain"] != 0.0  # the same policy, but other answers
