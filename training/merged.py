"""An adapter merged into its base's GGUF: the form that llama.cpp serves fastest.

The adapted maps are written at Q8_0 (merging back into four bits would lose small changes), all
the rest is copied byte for byte. Knows arrays and files, not how an adapter was trained.
"""

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from gguf import MODEL_ARCH, GGMLQuantizationType, get_tensor_name_map, quants
from numpy.typing import NDArray

from training.gguf import Bytes, Gguf, GgufError, Tensor, padded, read_table, size_of

MERGED = "merged.gguf"
"""The file's name in a version's folder."""
ARCHITECTURE = "llama"
ADAPTED = GGMLQuantizationType.Q8_0
BLOCK = 34
"""Bytes of a Q8_0 block: a half-precision scale and 32 whole numbers."""
MOST = 127 * 65_504.0
"""The largest number that a block can hold."""

Floats = NDArray[np.float32]
Delta = Callable[[], Floats]
"""Computes what an adapter adds to one map; called when it is needed, as all of them are large."""


def write(base: Gguf, deltas: Mapping[str, Delta], path: Path) -> None:
    """Write `base` with `deltas` added; their names are those that Hugging Face models have.

    Raises:
        GgufError: the base is of an architecture that isn't known here, or lacks a map.
    """
    architecture = base.values.get("general.architecture")
    if architecture != ARCHITECTURE:
        raise GgufError(f"Adapters can't be merged into a GGUF of architecture '{architecture}'.")
    changes = _by_tensor(base, deltas)
    tensors = _placed(base, changes)
    with path.open("xb") as file:
        file.write(base.preface)
        file.write(_table(tensors))
        for name, tensor in tensors.items():
            file.write(bytes(tensor.start - file.tell()))
            _write_tensor(file, base, base.tensors[name], changes.get(name))
        # Readers count on the padding after the last tensor too.
        file.write(bytes(padded(file.tell(), base.alignment) - file.tell()))


def check(path: Path, base: Gguf) -> None:
    """Check that a file is `base` but for maps of its layers, and that those are finite.

    Raises:
        GgufError: with what is wrong.
    """
    data = np.memmap(path, dtype=np.uint8, mode="r") if path.stat().st_size else np.empty(0, "u1")
    if data[: len(base.preface)].tobytes() != base.preface:
        raise GgufError(f"{path.name} isn't made from {base.path.name}.")
    tensors = read_table(data, len(base.preface), len(base.tensors), base.alignment)
    if list(tensors) != list(base.tensors):
        raise GgufError(f"{path.name} has other tensors than {base.path.name}.")
    for name, tensor in tensors.items():
        _check_tensor(data, tensor, base, base.tensors[name])


def permuted(rows: Floats, heads: int) -> Floats:
    """Reorder the rows of a query or key map as llama.cpp's rotary embedding wants them."""
    halves = rows.reshape(heads, 2, len(rows) // heads // 2, -1)
    return halves.swapaxes(1, 2).reshape(rows.shape)


def heads_of(name: str, base: Gguf) -> int | None:
    """Return by how many heads a tensor is permuted, or None for most."""
    queries = int(base.values["llama.attention.head_count"])
    if name.endswith("attn_q.weight"):
        return queries
    if name.endswith("attn_k.weight"):
        return int(base.values.get("llama.attention.head_count_kv", queries))
    return None


def _by_tensor(base: Gguf, deltas: Mapping[str, Delta]) -> dict[str, Delta]:
    """Return the deltas by their names in the GGUF."""
    layers = int(base.values["llama.block_count"])
    names = get_tensor_name_map(MODEL_ARCH.LLAMA, layers)
    changes = {}
    for module, delta in deltas.items():
        name = f"{names.get_name(module)}.weight"
        if name not in base.tensors:
            raise GgufError(f"{base.path.name} has no map for {module}.")
        changes[name] = delta
    return changes


def _placed(base: Gguf, changes: Mapping[str, Delta]) -> dict[str, Tensor]:
    """Return the table of the new file."""
    kinds = {n: ADAPTED if n in changes else t.kind for n, t in base.tensors.items()}
    draft = {n: Tensor(n, t.shape, kinds[n], 0, 0) for n, t in base.tensors.items()}
    at = padded(len(base.preface) + len(_table(draft)), base.alignment)
    placed = {}
    for name, tensor in base.tensors.items():
        size = size_of(tensor.shape, kinds[name])
        placed[name] = Tensor(name, tensor.shape, kinds[name], at, size)
        at = padded(at + size, base.alignment)
    return placed


def _table(tensors: Mapping[str, Tensor]) -> bytes:
    first = min(tensor.start for tensor in tensors.values())
    lines = []
    for tensor in tensors.values():
        name, shape = tensor.name.encode(), tensor.shape[::-1]
        form = f"<Q{len(name)}sI{len(shape)}QIQ"
        offset = tensor.start - first
        lines.append(
            struct.pack(form, len(name), name, len(shape), *shape, int(tensor.kind), offset)
        )
    return b"".join(lines)


def _write_tensor(file: BinaryIO, base: Gguf, tensor: Tensor, delta: Delta | None) -> None:
    raw = base.bytes_of(tensor)
    if delta is None:
        file.write(raw.tobytes())
        return
    change = delta()
    if change.shape != tensor.shape:
        raise GgufError(f"{tensor.name} has shape {tensor.shape}, its change {change.shape}.")
    heads = heads_of(tensor.name, base)
    if heads is not None:
        change = permuted(change, heads)
    weight = quants.dequantize(raw, tensor.kind).reshape(tensor.shape)
    weight = weight + change
    if not np.abs(weight).max() <= MOST:
        raise GgufError(f"{tensor.name} would hold NaN, infinity or numbers beyond {MOST:g}.")
    file.write(quants.quantize(weight, ADAPTED).tobytes())


def _check_tensor(data: Bytes, tensor: Tensor, base: Gguf, known: Tensor) -> None:
    raw = data[tensor.start : tensor.start + tensor.size]
    if tensor.shape != known.shape:
        raise GgufError(f"{tensor.name} has shape {tensor.shape}, not {known.shape}.")
    if tensor.kind == known.kind and np.array_equal(raw, base.bytes_of(known)):
        return
    if tensor.kind != ADAPTED or len(tensor.shape) != 2 or not tensor.name.startswith("blk."):
        raise GgufError(f"{tensor.name} differs from the base's, but is no adapted map.")
    scales = np.ascontiguousarray(raw.reshape(-1, BLOCK)[:, :2]).view(np.float16)
    if not np.isfinite(scales).all():
        raise GgufError(f"{tensor.name} holds NaN or infinity.")
