from dataclasses import replace

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from training.base import Base
from training.config import TrainingConfig
from training.decoding import AT_ONCE, draw_token, generate
from training.policy import Policy

GREEDY = 1e-5


def test_an_answer_ends_with_its_own_end_and_is_never_longer_than_asked(policy: Policy) -> None:
    torch.manual_seed(0)
    answers = generate(policy, [[5, 6, 7], [8, 9]] * 20, 10)
    assert all(len(answer.ids) <= 10 for answer in answers)
    for answer in answers:
        assert all(token not in policy.base.stop_ids for token in answer.ids[:-1])


def test_the_likeliest_answers_are_those_of_the_models_own_loop_in_any_company(
    policy: Policy, base: Base
) -> None:
    policy.temperature = GREEDY
    prompts = [[3] * 20, [5, 6, 7], [9], [5, 6, 7], *([4] * (1 + n % 7) for n in range(AT_ONCE))]
    together = generate(policy, prompts, 10)
    assert len(together) == len(prompts)
    for prompt, answer in list(zip(prompts, together, strict=True))[:12]:
        alone = base.model.generate(  # type: ignore[operator]
            input_ids=torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            max_new_tokens=10,
            do_sample=False,
            eos_token_id=sorted(base.stop_ids),
            pad_token_id=base.tokenizer.pad_token_id,
        )
        assert answer.ids == alone[0, len(prompt) :].tolist()


@pytest.mark.parametrize("kind", ["llama", "frozen nowhere", "gpt2"])
@torch.no_grad()
def test_what_comes_with_an_answer_is_what_another_run_finds(
    base: Base, config: TrainingConfig, kind: str
) -> None:
    if kind == "gpt2":
        gpt2 = GPT2LMHeadModel(GPT2Config(vocab_size=300, n_embd=32, n_layer=2, n_head=2)).eval()
        base = replace(base, model=gpt2)
    policy = Policy(base, replace(config, lora_layers=9 if kind == "frozen nowhere" else 1))
    for weight in policy.parameters:
        weight.add_(0.2)
    prompts = [[9, 8, 7], [3] * 20, [9, 8, 7], [5]] * AT_ONCE
    for prompt, answer in list(zip(prompts, generate(policy, prompts, 6), strict=True))[:12]:
        ids_BT = torch.tensor([prompt + answer.ids])
        trunk_BTD = policy.trunk(ids_BT)
        assert torch.allclose(answer.trunk_TD, trunk_BTD[0], rtol=1e-4, atol=1e-4)
        before_TD = policy.top(trunk_BTD)[0, len(prompt) - 1 : -1]
        logprob = policy.logprobs(before_TD, torch.tensor(answer.ids)).sum()
        assert torch.isclose(answer.logprob, logprob, atol=1e-4)


def test_the_same_prompt_is_read_once_however_often_it_is_answered(policy: Policy) -> None:
    torch.manual_seed(0)
    with policy.watched() as seen:
        answers = generate(policy, [[9, 8, 7]] * 8, 6)
    assert [len(states_BTD) for states_BTD in seen][:2] == [1, 8]
    assert len({tuple(answer.ids) for answer in answers}) > 1


@torch.no_grad()
def test_what_was_found_on_the_way_can_be_trained_on(policy: Policy) -> None:
    (answer,) = generate(policy, [[9, 8, 7]], 6)
    with torch.enable_grad():
        policy.top(answer.trunk_TD[None]).sum().backward()


def test_tokens_are_drawn_with_their_chances() -> None:
    torch.manual_seed(0)
    logits_V = torch.tensor([0.0, -100.0, 1.0, 2.0, -1.0])
    drawn_B, logprobs_B = draw_token(logits_V.expand(20_000, -1), 0.5)
    found = drawn_B.bincount(minlength=5) / len(drawn_B)
    expected = torch.softmax(logits_V / 0.5, 0)
    assert torch.allclose(found, expected, atol=0.01)
    assert found[1] == 0
    assert torch.allclose(logprobs_B, expected.log()[drawn_B])
