import math
import statistics
from dataclasses import replace
from typing import Any

import pytest
import torch

from training.config import TrainingConfig
from training.form import FORMS
from training.layout import layout
from training.policy import Policy
from training.prompts import Answer
from training.reward_head import RewardHead
from training.ridge import TINY
from training.rollout import Answers, given, token_features
from training.worths import FARTHEST, worths


@pytest.fixture
def answers(policy: Policy, config: TrainingConfig) -> Answers:
    turns = [{"role": "user", "content": "a"}]
    return given(policy, [(turns, Answer(text)) for text in ("good", "bad", "gd")], config)


@pytest.fixture
def head(answers: Answers) -> RewardHead:
    generator = torch.Generator().manual_seed(0)
    size = answers.features_BF.shape[1]
    weight_FK = torch.randn(size, 3, generator=generator) / 10
    scale_F = 0.5 + torch.rand(size, generator=generator)
    return RewardHead(torch.zeros(size), scale_F, weight_FK, torch.tensor([0.1, -0.2, 0.3]))


def test_a_word_is_worth_what_its_embedding_and_its_kind_add_to_the_score_of_an_answer(
    policy: Policy, head: RewardHead, answers: Answers
) -> None:
    found = worths(head, policy.base, answers)
    embeddings: Any = policy.base.model.get_input_embeddings()
    words_VF = torch.cat([embeddings.weight.detach(), policy.base.kinds_VC], 1)
    kinds = layout(len(head.scale_F)).kinds
    columns = [*range(embeddings.weight.shape[1]), *range(kinds.start, kinds.stop)]
    slope_K = head.slopes(answers.features_BF).mean(0)
    said = answers.ids_BT[answers.mask_BT].tolist()
    length = len(said) / len(answers)
    spread = float(head.score(answers.features_BF).std())

    def plain(token: int) -> list[float]:
        told = [0.0] * 3
        for place, f in enumerate(columns):
            for k in range(3):
                weight = float(head.weight_FK[f, k]) * float(slope_K[k])
                told[k] += float(words_VF[token, place]) / float(head.scale_F[f]) * weight
        return [one / length / spread for one in told]

    usual = [statistics.fmean(told) for told in zip(*map(plain, said), strict=True)]

    def surely(token: int) -> float:
        told = [one - mean for one, mean in zip(plain(token), usual, strict=True)]
        mean = statistics.fmean(told)
        return math.copysign(max(0.0, abs(mean) - statistics.pstdev(told)), mean)

    far = FARTHEST * statistics.fmean([surely(t) ** 2 for t in said]) ** 0.5
    worth = [surely(policy.base.tokenizer.convert_tokens_to_ids(word)) for word in "adzgoe"]
    assert any(worth)
    for word, one in zip("adzgoe", worth, strict=True):
        token = policy.base.tokenizer.convert_tokens_to_ids(word)
        assert float(found.words_V[token]) == pytest.approx(max(-far, min(far, one)), abs=1e-6)


def test_what_members_differ_about_is_worth_nothing(
    policy: Policy, head: RewardHead, answers: Answers
) -> None:
    apart_FK = torch.stack(
        [head.weight_FK[:, 0], -head.weight_FK[:, 0], 0 * head.weight_FK[:, 0]], 1
    )
    differing = replace(head, weight_FK=apart_FK, bias_K=torch.zeros(3))
    assert not worths(differing, policy.base, answers).words_V.any()


def test_ending_is_no_word(policy: Policy, head: RewardHead, answers: Answers) -> None:
    found = worths(head, policy.base, answers)
    assert not found.words_V[sorted(policy.base.stop_ids)].any()
    assert not found.ending_T.any()


def test_where_short_answers_are_wanted_ending_early_is_worth_more(
    policy: Policy, head: RewardHead, answers: Answers
) -> None:
    weight_FK = head.weight_FK.clone()
    weight_FK[FORMS.index("length") - len(FORMS)] = -1.0
    short = replace(head, weight_FK=weight_FK, wanted=("length",))
    ending = worths(short, policy.base, answers).ending_T.tolist()
    assert ending == sorted(ending, reverse=True)
    assert ending[1] > ending[-1] + TINY


def test_the_host_s_part_of_the_reward_speaks_of_no_word(
    policy: Policy, head: RewardHead, answers: Answers
) -> None:
    whole = worths(head, policy.base, answers)
    half = worths(head, policy.base, answers, share=0.5)
    assert torch.allclose(half.words_V, whole.words_V / 2)


def test_what_was_said_is_worth_what_the_head_s_weights_say_of_it_states_included(
    policy: Policy, head: RewardHead, answers: Answers
) -> None:
    found = worths(head, policy.base, answers)
    length = float(answers.mask_BT.sum(1).float().mean())
    spread = float(head.score(answers.features_BF).std())
    slope_K = head.slopes(answers.features_BF).mean(0)
    tokens_BTF = token_features(policy.base, answers.ids_BT, answers.trunk_BTD)
    for row, place in answers.mask_BT.nonzero().tolist():
        plain = tokens_BTF[row, place] / head.scale_F[: tokens_BTF.shape[2]]
        told = [float(plain @ head.weight_FK[: len(plain), k] * slope_K[k]) for k in range(3)]
        worth = statistics.fmean(told) / length / spread
        assert float(found.said_BT[row, place]) == pytest.approx(worth, rel=1e-4, abs=1e-6)
