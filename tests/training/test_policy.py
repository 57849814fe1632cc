import torch
from transformers import GPT2Config, GPT2LMHeadModel

from training.base import Base
from training.config import TrainingConfig
from training.policy import Policy


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
def test_a_base_whose_layers_cannot_be_split_gives_the_same_numbers(
    base: Base, config: TrainingConfig
) -> None:
    torch.manual_seed(0)
    gpt2 = GPT2LMHeadModel(GPT2Config(vocab_size=300, n_embd=32, n_layer=2, n_head=2)).eval()
    policy = Policy(Base("gpt2", gpt2, base.tokenizer, base.stop_ids), config)
    split = gpt2.get_output_embeddings()(policy.top(policy.trunk(ids())))
    assert torch.allclose(split, gpt2(input_ids=ids()).logits, atol=1e-5)
    whole = policy.last(policy.below_last(policy.trunk(ids())))
    assert torch.equal(gpt2.get_output_embeddings()(whole), split)
    assert len(policy.last_parameters) == len(policy.parameters)


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
