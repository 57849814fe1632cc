import torch

from training.config import TrainingConfig
from training.form import measure
from training.policy import Policy
from training.prompts import Answer, Turn
from training.rollout import CHUNK, answer_ids, draw, given, logprobs

HI: list[Turn] = [{"role": "user", "content": "hi"}]
LONG: list[Turn] = [{"role": "user", "content": "tell me more"}]


@torch.no_grad()
def test_log_probabilities_equal_a_loop_over_single_answers(
    policy: Policy, config: TrainingConfig
) -> None:
    answers = given(policy, [(HI, Answer("yes")), (LONG, Answer("no, never"))], config)
    found, _ = logprobs(policy, answers)
    for row in range(2):
        ids = answers.ids_BT[row]
        every = torch.log_softmax(
            policy.base.model(input_ids=ids[None]).logits[0].float() / policy.temperature, -1
        )
        for place in range(len(ids)):
            if not answers.mask_BT[row, place]:
                assert found[row, place] == 0
                continue
            before = every[place - 1]
            assert torch.isclose(found[row, place], before[ids[place]], atol=1e-5)


def test_features_are_the_mean_over_the_answer_alone(
    policy: Policy, config: TrainingConfig
) -> None:
    answers = given(policy, [(HI, Answer("yes")), (LONG, Answer("no, never"))], config)
    for row in range(2):
        inside = answers.mask_BT[row]
        words = policy.base.model.get_input_embeddings()(answers.ids_BT[row][inside])
        states = answers.trunk_BTD[row][inside]
        kinds = policy.base.kinds_VC[answers.ids_BT[row][inside]]
        form = torch.tensor(measure(answers.texts[row], int(inside.sum())))
        expected = torch.cat([words.mean(0), states.mean(0), kinds.mean(0), form])
        assert torch.allclose(answers.features_BF[row], expected, atol=1e-5)


def test_an_answer_given_by_a_person_has_an_end_unless_it_was_cut(
    policy: Policy, config: TrainingConfig
) -> None:
    answers = given(policy, [(HI, Answer("yes")), (HI, Answer("far more than eight"))], config)
    assert answers.ended_B.tolist() == [True, False]
    assert answers.mask_BT.sum(1).tolist() == [4, config.max_answer]


def test_an_answer_that_was_stopped_or_cut_has_no_end(
    policy: Policy, config: TrainingConfig
) -> None:
    broken = Answer("yes", ended=False)
    answers = given(policy, [(HI, Answer("yes")), (HI, broken)], config)
    assert answers.ended_B.tolist() == [True, False]
    assert answers.mask_BT.sum(1).tolist() == [4, 3]
    assert answers.texts == ["yes", "yes"]
    assert answer_ids(policy.base, broken) == answer_ids(policy.base, Answer("yes"))[:-1]


def test_picking_rows_changes_no_number(policy: Policy, config: TrainingConfig) -> None:
    torch.manual_seed(0)
    answers, _ = draw(policy, [HI, LONG, HI, LONG], config)
    rows = torch.tensor([2, 1])
    with torch.no_grad():
        part = logprobs(policy, answers.rows(rows))[0].sum(1)
        whole = logprobs(policy, answers)[0].sum(1)[rows]
    assert torch.allclose(part, whole, atol=1e-4)


@torch.no_grad()
def test_company_of_other_lengths_changes_nothing_that_the_frozen_layers_say(
    policy: Policy, config: TrainingConfig
) -> None:
    items = [(LONG, Answer("no, never")), *[(HI, Answer("y"))] * CHUNK, (LONG, Answer("yes"))]
    answers = given(policy, items, config)
    for row in (0, 1, CHUNK + 1):
        alone = given(policy, items[row : row + 1], config)
        width = alone.ids_BT.shape[1]
        assert torch.allclose(answers.trunk_BTD[row, :width], alone.trunk_BTD[0], atol=1e-5)
        assert torch.allclose(answers.features_BF[row], alone.features_BF[0], atol=1e-5)
