from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import quants
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM

from training.gguf import Gguf, GgufError, read
from training.merged import ADAPTED, BLOCK, check, heads_of, permuted, write

MAPS = {
    "model.layers.1.self_attn.q_proj": "blk.1.attn_q.weight",
    "model.layers.1.self_attn.k_proj": "blk.1.attn_k.weight",
    "model.layers.1.mlp.down_proj": "blk.1.ffn_down.weight",
}


@pytest.fixture
def base(tiny_model: Path) -> Gguf:
    return read(tiny_model / "tiny.gguf")


@pytest.fixture
def changes(base: Gguf) -> dict[str, NDArray[np.float32]]:
    chance = np.random.default_rng(0)
    return {
        module: chance.normal(0, 0.1, base.tensors[name].shape).astype(np.float32)
        for module, name in MAPS.items()
    }


@pytest.fixture
def merged(base: Gguf, changes: dict[str, NDArray[np.float32]], tmp_path: Path) -> Path:
    path = tmp_path / "merged.gguf"
    write(base, {module: lambda c=change: c for module, change in changes.items()}, path)  # type: ignore[misc]
    return path


def weights(gguf: Gguf, name: str) -> NDArray[np.float32]:
    tensor = gguf.tensors[name]
    flat: NDArray[np.float32] = quants.dequantize(gguf.bytes_of(tensor), tensor.kind)
    return flat.reshape(tensor.shape)


def test_the_base_written_for_tests_has_its_heads_permuted(base: Gguf, tiny_model: Path) -> None:
    network: Any = AutoModelForCausalLM.from_pretrained(tiny_model)
    for module, name in MAPS.items():
        rows = network.get_submodule(module).weight.detach().numpy()
        heads = heads_of(name, base)
        assert np.array_equal(weights(base, name), permuted(rows, heads) if heads else rows)


def test_adapted_maps_hold_weight_and_change_to_eight_bits(
    base: Gguf, changes: dict[str, NDArray[np.float32]], merged: Path
) -> None:
    new = read(merged)
    for module, name in MAPS.items():
        heads = heads_of(name, base)
        change = permuted(changes[module], heads) if heads else changes[module]
        wanted = weights(base, name) + change
        step = np.abs(wanted.reshape(-1, 32)).max(1) / 127
        off = np.abs(weights(new, name) - wanted).reshape(-1, 32).max(1)
        assert new.tensors[name].kind == ADAPTED
        assert (off <= 0.51 * step + 1e-3).all()


def test_all_the_rest_is_copied_byte_for_byte(base: Gguf, merged: Path) -> None:
    new = read(merged)
    assert new.preface == base.preface
    for name in base.tensors.keys() - MAPS.values():
        assert np.array_equal(new.bytes_of(new.tensors[name]), base.bytes_of(base.tensors[name]))


def test_a_merged_file_passes(base: Gguf, merged: Path) -> None:
    check(merged, base)


def test_a_base_of_another_architecture_is_refused(base: Gguf, tmp_path: Path) -> None:
    other = replace(base, values=base.values | {"general.architecture": "gpt2"})
    with pytest.raises(GgufError, match="architecture 'gpt2'"):
        write(other, {}, tmp_path / "merged.gguf")


def test_a_map_that_the_base_lacks_is_refused(base: Gguf, tmp_path: Path) -> None:
    with pytest.raises(GgufError, match=r"no map for model\.layers\.7"):
        write(
            base,
            {"model.layers.7.mlp.up_proj": lambda: np.zeros(1, np.float32)},
            tmp_path / "merged.gguf",
        )


def test_a_change_of_another_shape_is_refused(base: Gguf, tmp_path: Path) -> None:
    zeros = np.zeros((2, 32), np.float32)
    with pytest.raises(GgufError, match="has shape"):
        write(base, {"model.layers.1.mlp.down_proj": lambda: zeros}, tmp_path / "merged.gguf")


def damaged(path: Path, at: int, raw: bytes) -> Path:
    content = bytearray(path.read_bytes())
    content[at : at + len(raw)] = raw
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["token_embd.weight", "blk.0.ffn_up.weight", "output_norm.weight"])
def test_a_tensor_that_was_not_adapted_must_be_the_bases(
    base: Gguf, merged: Path, name: str
) -> None:
    tensor = read(merged).tensors[name]
    with pytest.raises(GgufError, match=f"{name} differs from the base's"):
        check(damaged(merged, tensor.start, b"\x01\x02"), base)


@pytest.mark.parametrize("scale", [b"\x00\x7e", b"\x00\x7c"])  # NaN, infinity
def test_maps_that_are_no_numbers_are_refused(base: Gguf, merged: Path, scale: bytes) -> None:
    start = read(merged).tensors["blk.1.ffn_down.weight"].start
    with pytest.raises(GgufError, match="NaN or infinity"):
        check(damaged(merged, start + 3 * BLOCK, scale), base)


def test_another_header_is_refused(base: Gguf, merged: Path) -> None:
    with pytest.raises(GgufError, match=r"isn't made from tiny\.gguf"):
        check(damaged(merged, base.preface.index(b"<|im_end|>"), b"<|"[::-1]), base)


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.99])
def test_a_file_that_breaks_off_is_refused(base: Gguf, merged: Path, keep: float) -> None:
    raw = merged.read_bytes()
    merged.write_bytes(raw[: int(len(raw) * keep)])
    with pytest.raises(GgufError):
        check(merged, base)


def test_other_shapes_and_names_are_refused(base: Gguf, merged: Path) -> None:
    raw = merged.read_bytes()
    place = raw.index(b"blk.1.ffn_up.weight")
    with pytest.raises(GgufError, match="other tensors"):
        check(damaged(merged, place, b"blk.1.ffn_uq.weight"), base)
    merged.write_bytes(raw)
    first_length = place + len("blk.1.ffn_up.weight") + 4
    with pytest.raises(GgufError, match=r"blk\.1\.ffn_up\.weight"):
        check(damaged(merged, first_length, (16).to_bytes(8, "little")), base)
