"""A tiny random model and random adapters for it. One token is one byte."""

from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from storage.home import Home
from training.adapters import publish
from training.policy import load_base

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def build_model(folder: Path) -> None:
    """Save a Llama of two layers, its tokenizer and a chat template."""
    tokenizer = _byte_tokenizer()
    tokenizer.save_pretrained(folder)
    torch.manual_seed(7)
    network = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=512,
            initializer_range=0.5,  # far from uniform, so that greedy choices have no near ties
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    network.save_pretrained(folder)


def publish_adapter(model: Path, adapters: Path, cycle: int) -> str:
    """Publish a random adapter, strong enough to change every answer; returns its version."""
    base = load_base(str(model), Home(adapters, ""))
    torch.manual_seed(cycle)
    config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
    policy = get_peft_model(base.model, config)
    with torch.no_grad():
        for name, weight in policy.named_parameters():
            if ".lora_" in name:
                weight.normal_(std=0.3)
    return publish(policy, adapters, "base", base.name, cycle)


def _byte_tokenizer() -> PreTrainedTokenizerFast:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    vocab = {token: place for place, token in enumerate([*special, *alphabet])}
    plain = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    plain.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=plain,
        pad_token="<|endoftext|>",
        eos_token="<|im_end|>",
        additional_special_tokens=["<|im_start|>"],
    )
    tokenizer.chat_template = CHATML
    return tokenizer
