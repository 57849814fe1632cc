"""A tiny random model and random adapters for it. One token is one byte."""

import struct
from pathlib import Path
from typing import Any

import torch
from gguf import MODEL_ARCH, GGUFValueType, GGUFWriter, TokenType, get_tensor_name_map
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from storage.home import Home
from training import heads
from training.adapters import publish
from training.base import Base, load_base
from training.form import FORMS
from training.kinds import KINDS
from training.merged import permuted
from training.reward_head import RewardHead

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def build_model(folder: Path, key_width: int = 8) -> None:
    """Save a Llama of two layers, its tokenizer and a chat template; the same as GGUF beside it."""
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
            head_dim=key_width,
            max_position_embeddings=512,
            initializer_range=0.5,  # far from uniform, so that greedy choices have no near ties
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    network.save_pretrained(folder)
    _write_gguf(network, tokenizer, folder / "tiny.gguf")


class _Writer(GGUFWriter):
    """Writes empty lists too: one token is one byte, so there is nothing to merge."""

    def _pack_val(self, val: Any, *args: Any, **kwargs: Any) -> bytes:  # noqa: ANN401
        if val == []:
            return struct.pack("<IIQ", GGUFValueType.ARRAY, GGUFValueType.STRING, 0)
        packed: bytes = super()._pack_val(val, *args, **kwargs)
        return packed


def _write_gguf(network: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, path: Path) -> None:
    """Write the model as llama.cpp's own converter would, unquantised."""
    config: Any = network.config
    writer = _Writer(path, "llama")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_vocab_size(config.vocab_size)
    tokens = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    special = set(tokenizer.all_special_tokens)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(
        [TokenType.CONTROL if t in special else TokenType.NORMAL for t in tokens]
    )
    writer.add_key_value("tokenizer.ggml.merges", [], GGUFValueType.ARRAY)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHATML)
    names = get_tensor_name_map(MODEL_ARCH.LLAMA, config.num_hidden_layers)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for name, weight in network.state_dict().items():
        array = weight.float().numpy()
        module = name.removesuffix(".weight")
        if (projection := module.rsplit(".", 1)[-1]) in heads:
            array = permuted(array, heads[projection])
        writer.add_tensor(f"{names.get_name(module)}.weight", array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def publish_adapter(model: Path, adapters: Path, cycle: int, std: float = 0.3) -> str:
    """Publish a random adapter, strong enough to change every answer; returns its version."""
    base = load_base(str(model), Home(adapters, ""))
    torch.manual_seed(cycle)
    config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
    policy = get_peft_model(base.model, config)
    with torch.no_grad():
        for name, weight in policy.named_parameters():
            if ".lora_" in name:
                weight.normal_(std=std)
    return publish(policy, adapters, "base", base, cycle)


def draw_head(base: Base, seed: int = 0) -> RewardHead:
    """Return a reward head drawn at random, for answers as `base` reads them."""
    size = 2 * int(base.model.config.hidden_size) + len(KINDS) + len(FORMS)
    chance = torch.Generator().manual_seed(seed)
    return RewardHead(
        torch.randn(size, generator=chance),
        torch.rand(size, generator=chance) + 0.5,
        torch.randn(size, 4, generator=chance) / 8,
        torch.randn(4, generator=chance),
        caution=0.5,
    )


def keep_head(model: Path, home: Home, cycle: int = 7) -> None:
    """Keep such a head as a cycle of the trainer would; to it every answer is disputed."""
    base = load_base(str(model), home)
    head, reading = draw_head(base), heads.Reading(base.name, 1, 64, 64, cycle)
    heads.keep(home.head, head, reading, heads.words(head, base, disputed=0.0))


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
