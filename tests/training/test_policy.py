import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

from training.base import Base, ModelMissing
from training.config import TrainingConfig
from training.policy import Policy
from training.rollout import draw, logprobs

SMALL = {
    "vocab_size": 300,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
}


def small(kind: str, base: Base, **more: float) -> Base:
    """A random model of this kind, far from uniform."""
    torch.manual_seed(0)
    shape = AutoConfig.for_model(kind, **SMALL, **more, initializer_range=0.5)
    network = AutoModelForCausalLM.from_config(shape).eval()
    return Base(kind, network, base.tokenizer, base.stop_ids)


def ids() -> torch.Tensor:
    return torch.randint(3, 200, (3, 12), generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_frozen_and_adapted_layers_together_are_the_whole_model(policy: Policy) -> None:
    split = policy.base.model.get_output_embeddings()(policy.top(policy.trunk(ids())))
    whole = policy.base.model(input_ids=ids()).logits
    assert torch.equal(split, whole)


@torch.no_grad()
def test_the_last_layer_goes_on_from_those_below_it(policy: Policy) -> None:
    for weight in policy.parameters:
        weight.add_(0.5)
    trunk_BTD = policy.trunk(ids())
    assert torch.equal(policy.last(policy.below_last(trunk_BTD)), policy.top(trunk_BTD))


@torch.no_grad()
def test_other_tokens_come_to_what_they_would_if_they_stood_there_alone(policy: Policy) -> None:
    place_BC = torch.tensor([[4, 4, 11], [0, 7, 2], [1, 1, 1]])
    token_BC = torch.tensor([[5, 6, 7], [8, 9, 10], [11, 12, 13]])
    found_BCD = policy.branches(ids(), place_BC, token_BC)
    for row, (places, tokens) in enumerate(zip(place_BC, token_BC, strict=True)):
        for one, (place, token) in enumerate(zip(places.tolist(), tokens.tolist(), strict=True)):
            changed = ids()[row : row + 1].clone()
            changed[0, place] = token
            alone_D = policy.trunk(changed)[0, place]
            assert torch.allclose(found_BCD[row, one], alone_D, atol=1e-5)


@torch.no_grad()
def test_a_base_whose_layers_cannot_be_split_gives_the_same_numbers(
    base: Base, config: TrainingConfig
) -> None:
    torch.manual_seed(0)
    gpt2 = GPT2LMHeadModel(GPT2Config(vocab_size=300, n_embd=32, n_layer=2, n_head=2)).eval()
    policy = Policy(Base("gpt2", gpt2, base.tokenizer, base.stop_ids), config)
    split = gpt2.get_output_embeddings()(policy.top(policy.trunk(ids())))
    assert torch.allclose(split, gpt2(input_ids=ids()).logits, atol=1e-5)
    assert torch.equal(policy.branches(ids(), ids() + 1, ids()), policy.trunk(ids()))
    whole = policy.last(policy.below_last(policy.trunk(ids())))
    assert torch.equal(gpt2.get_output_embeddings()(whole), split)
    assert len(policy.last_parameters) == len(policy.parameters)


@torch.no_grad()
def test_a_base_that_scales_its_logits_has_the_probabilities_that_it_draws_by(
    base: Base, config: TrainingConfig
) -> None:
    granite = small("granite", base, logits_scaling=0.1)
    policy = Policy(granite, config)
    prompts = [[{"role": "user", "content": letter}] for letter in "abc"]
    answers, drawn_by_B = draw(policy, prompts, config)
    assert torch.allclose(logprobs(policy, answers)[0].sum(1), drawn_by_B, atol=1e-3)
    made_TV = granite.model(input_ids=ids()).logits[0] / policy.temperature
    state_TD = policy.top(policy.trunk(ids()))[0]
    assert torch.allclose(policy.logits(state_TD), made_TV, atol=1e-3)


def test_a_base_that_caps_its_logits_is_refused_with_what_to_do(
    base: Base, config: TrainingConfig
) -> None:
    gemma = small("gemma2", base, final_logit_softcapping=1.0)
    with pytest.raises(ModelMissing, match=r"'gemma2' bends its logits.*HITL_TRAINER=off"):
        Policy(gemma, config)


def test_only_the_top_layers_are_trained(policy: Policy) -> None:
    names = [n for n, p in policy.peft.named_parameters() if p.requires_grad]
    assert names
    assert all(".layers.1." in n and "lora_" in n for n in names)


@torch.no_grad()
def test_the_reference_is_the_bare_base_whatever_the_adapter_says(policy: Policy) -> None:
    before = policy.top(policy.trunk(ids()))
    for weight in policy.parameters:
        weight.add_(0.5)
    changed = policy.top(policy.trunk(ids()))
    with policy.as_reference():
        reference = policy.top(policy.trunk(ids()))
    assert not torch.equal(changed, before)
    assert torch.equal(reference, before)


@torch.no_grad()
def test_closing_a_policy_leaves_the_base_as_it_was(base: Base, config: TrainingConfig) -> None:
    before = base.model(input_ids=ids()).logits
    policy = Policy(base, config)
    for weight in policy.parameters:
        weight.add_(0.5)
    policy.close()
    assert torch.equal(base.model(input_ids=ids()).logits, before)


def test_a_snapshot_brings_the_weights_back(policy: Policy) -> None:
    saved = policy.snapshot()
    with torch.no_grad():
        policy.parameters[0].add_(1.0)
    policy.restore(saved)
    assert all(torch.equal(p, s) for p, s in zip(policy.parameters, saved, strict=True))
