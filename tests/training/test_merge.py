from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import quants
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from storage.home import Home
from training.base import load_base
from training.gguf import Gguf, locate, read
from training.merge import main
from training.merged import ADAPTED, heads_of, permuted

IDS = torch.tensor([[1, 40, 41, 42, 80, 81, 2]])


@pytest.fixture
def env(tiny_model: Path, tiny_adapter: Path, tmp_path: Path) -> dict[str, str]:
    data = tmp_path / "data"
    data.mkdir()
    (data / "adapters").symlink_to(tiny_adapter.parent)
    return {"HITL_DATA_DIR": str(data), "HITL_MODEL": str(tiny_model)}


@pytest.fixture
def out(env: dict[str, str], tiny_adapter: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "merged"
    assert main([tiny_adapter.name, "--out", str(folder)], env) == 0
    return folder


def logits(network: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = network.eval()(IDS).logits
    return found


def test_the_merged_model_gives_pefts_logits(
    out: Path, tiny_model: Path, tiny_adapter: Path
) -> None:
    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    plain = logits(base)
    theirs = logits(PeftModel.from_pretrained(base, str(tiny_adapter)))
    mine = logits(AutoModelForCausalLM.from_pretrained(out))
    assert (theirs - plain).abs().max() > 1  # the adapter does something
    torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


def test_the_gguf_beside_it_gives_them_to_eight_bits(
    out: Path, tiny_model: Path, tiny_adapter: Path
) -> None:
    (file,) = out.glob("*.gguf")
    assert file.name == f"tiny-{tiny_adapter.name}.gguf"
    network: Any = AutoModelForCausalLM.from_pretrained(out)
    merged = logits(network)
    gguf = read(file)
    for name, tensor in gguf.tensors.items():
        if tensor.kind == ADAPTED:
            _load(network, name, gguf)
    off = (logits(network) - merged).abs().max()
    plain = logits(AutoModelForCausalLM.from_pretrained(tiny_model))
    assert 0 < off < 0.1 * (merged - plain).abs().max()


MAPS = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def _load(network: torch.nn.Module, name: str, gguf: Gguf) -> None:
    """Put a map of the GGUF in the place of the model's."""
    _, layer, kind, _ = name.split(".")
    tensor = gguf.tensors[name]
    rows = quants.dequantize(gguf.bytes_of(tensor), tensor.kind).reshape(tensor.shape)
    heads = heads_of(name, gguf)
    if heads:  # undo llama.cpp's order
        order = permuted(np.arange(len(rows), dtype=np.float32)[:, None], heads)[:, 0]
        rows = rows[np.argsort(order)]
    place: Any = network.get_submodule(f"model.layers.{layer}.{MAPS[kind]}")
    place.weight.data = torch.tensor(rows)


def test_what_comes_out_can_be_another_installations_model(out: Path, tmp_path: Path) -> None:
    base = load_base(str(out), Home(tmp_path, ""))
    assert base.gguf == locate(str(out)) is not None
    assert base.tokenizer.chat_template == AutoTokenizer.from_pretrained(out).chat_template
    assert not list(out.glob("adapter_*"))


def test_numbers_can_be_halved(env: dict[str, str], tiny_adapter: Path, tmp_path: Path) -> None:
    folder = tmp_path / "half"
    assert main([tiny_adapter.name, "--out", str(folder), "--dtype", "bfloat16"], env) == 0
    half: Any = AutoModelForCausalLM.from_pretrained(folder)
    assert half.dtype == torch.bfloat16


def test_it_refuses_in_one_line_and_leaves_nothing(
    env: dict[str, str],
    tiny_adapter: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    other = {**env, "HITL_MODEL": str(tmp_path / "nowhere")}
    capsys.readouterr()
    for argv, where, line in (
        (["v000009-00000000", "--out", str(tmp_path / "x")], env, "No version 'v000009-00000000'"),
        (["../adapters", "--out", str(tmp_path / "x")], env, "No version '../adapters'"),
        ([tiny_adapter.name, "--out", str(there)], env, "exists already"),
        ([tiny_adapter.name, "--out", str(tmp_path / "x")], other, "can't be loaded"),
    ):
        assert main(argv, where) == 2
        said = capsys.readouterr().err
        assert line in said
        assert said.count("\n") == 1
    assert {file.name for file in tmp_path.iterdir()} == {"data", "there"}
