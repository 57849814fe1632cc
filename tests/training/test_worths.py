from dataclasses import replace
from typing import Any

import pytest
import torch

from training.config import TrainingConfig
from training.form import FORMS
from training.layout import layout
from training.policy import Policy
from training.reward_head import TINY, RewardHead
from training.rollout import Answers, given
from training.worths import FARTHEST, worths


@pytest.fixture
def answers(policy: Policy, config: TrainingConfig) -> Answers:
    turns = [{"role": "user", "content": "a"}]
    return given(policy, [(turns, "good"), (turns, "bad"), (turns, "gd")], config)


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

    def plain(token: int) -> float:
        told = 0.0
        for place, f in enumerate(columns):
            for k in range(3):
                weight = float(head.weight_FK[f, k]) * float(slope_K[k]) / 3
                told += float(words_VF[token, place]) / float(head.scale_F[f]) * weight
        return told / length / spread

    usual = sum(plain(t) for t in said) / len(said)
    deviation = (sum((plain(t) - usual) ** 2 for t in said) / len(said)) ** 0.5
    for word in "adz":
        token = policy.base.tokenizer.convert_tokens_to_ids(word)
        far = FARTHEST * deviation
        expected = max(-far, min(far, plain(token) - usual))
        assert float(found.words_V[token]) == pytest.approx(expected, rel=1e-3)


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
