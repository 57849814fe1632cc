import torch

from training.canaries import CANARIES, CLEARLY, FACTS, asked, lost, margins
from training.config import TrainingConfig
from training.policy import Policy
from training.prompts import render


def likelihood(policy: Policy, question: str, answer: str) -> float:
    """Add up log-probabilities one token at a time, through the whole model."""
    tokenizer = policy.base.tokenizer
    turns = [{"role": "user", "content": question}]
    prompt = render(tokenizer, turns, 512)
    ids = [*tokenizer.encode(answer, add_special_tokens=False), tokenizer.eos_token_id]
    total = 0.0
    for token in ids:
        with torch.no_grad():
            logits = policy.peft(input_ids=torch.tensor([prompt])).logits[0, -1]
        total += float(torch.log_softmax(logits.float() / policy.temperature, -1)[token])
        prompt = [*prompt, token]
    return total


def test_a_margin_is_how_much_likelier_the_right_answer_is(
    policy: Policy, config: TrainingConfig
) -> None:
    found = margins(policy, asked(policy, config))
    assert list(found) == [canary.question for canary in CANARIES]
    one = CANARIES[1]
    expected = likelihood(policy, one.question, one.right) - likelihood(
        policy, one.question, one.wrong
    )
    assert abs(found[one.question] - expected) < 1e-3


def test_a_clear_answer_that_turned_wrong_is_lost() -> None:
    served = {"clear": CLEARLY + 1, "tie": CLEARLY - 0.1, "wrong": -2.0, "kept": CLEARLY}
    candidate = {"clear": -0.1, "tie": -0.1, "wrong": -3.0, "kept": 0.1}
    assert lost(candidate, served, served) == ["clear"]


def test_a_margin_that_is_no_number_is_lost() -> None:
    assert lost({"q": float("nan")}, {"q": 2.0}, {"q": 2.0}) == ["q"]


def test_a_model_that_guesses_has_nothing_to_lose() -> None:
    served = {"a": 5.0, "b": 5.0, "c": -5.0, "d": -5.0}
    assert lost(dict.fromkeys(served, -1.0), served, served) == []
    more = {**served, "c": 5.0}
    assert lost(dict.fromkeys(served, -1.0), more, more) == ["a", "b", "c"]


def test_what_the_base_knew_can_t_be_lost_in_two_steps() -> None:
    base, served = {"a": 3.0, "b": 3.0, "c": 3.0}, {"a": 0.3, "b": 3.0, "c": -0.2}
    assert lost(served, base, base) == ["c"]
    assert lost({"a": -5.0, "b": 1.0, "c": -5.0}, served, base) == ["a"]


def test_a_served_version_that_forgot_much_still_has_the_rest_to_lose() -> None:
    base = {"a": 3.0, "b": 3.0, "c": 3.0, "d": 3.0}
    assert lost(dict.fromkeys(base, -1.0), {**dict.fromkeys(base, -1.0), "d": 2.0}, base) == ["d"]


def test_right_and_wrong_facts_differ_in_one_word() -> None:
    for canary in FACTS:
        right, wrong = canary.right.split(), canary.wrong.split()
        assert len(right) == len(wrong)
        assert sum(r != w for r, w in zip(right, wrong, strict=True)) == 1, canary.question
