"""Rows in files: JSON lines, one JSON list, or Parquet. Knows no format; a file appears whole or not.

Equal rows make equal bytes, whenever and wherever they are written.
"""

import os
import secrets
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, Protocol

import orjson

ONE_LINE = {
    "\u0085".encode(): rb"\u0085",
    "\u2028".encode(): rb"\u2028",
    "\u2029".encode(): rb"\u2029",
}
"""Characters that JSON allows and `str.splitlines` breaks lines at."""
GROUP = 8 * 2**20
"""Bytes of JSON in one row group of Parquet."""


class File(Protocol):
    """Where rows go, one JSON line each."""

    def write(self, line: bytes) -> None:
        """Take one row."""

    def finish(self) -> None:
        """Write what is still due."""


class Lines:
    """JSON lines."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, line: bytes) -> None:
        """Take one row."""
        self._file.write(line)
        self._file.write(b"\n")

    def finish(self) -> None:
        """Nothing is due."""


class List:
    """One JSON list, one line each row."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._before = b"[\n"

    def write(self, line: bytes) -> None:
        """Take one row."""
        self._file.write(self._before)
        self._file.write(line)
        self._before = b",\n"

    def finish(self) -> None:
        """Close the list."""
        self._file.write(b"[]\n" if self._before == b"[\n" else b"\n]\n")


class Parquet:
    """Parquet of the same lines; Arrow reads JSON several times as fast as it takes objects.

    One group is written while the next one fills.
    """

    def __init__(self, file: BinaryIO, schema: dict[str, Any]) -> None:
        # Arrow takes longer to import than all the rest; only this form needs it.
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow import json, parquet  # noqa: PLC0415

        self._schema = pa.schema(list(_arrow(pa, schema)))
        self._json = json
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._beside = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None
        self._lines: list[bytes] = []
        self._size = 0

    def write(self, line: bytes) -> None:
        """Take one row."""
        self._lines.append(line)
        self._size += len(line) + 1
        if self._size >= GROUP:
            self._begin_group()

    def finish(self) -> None:
        """Write the last group and the footer."""
        if self._lines:
            self._begin_group()
        if self._writing:
            self._writing.result()
        self._beside.shutdown()
        self._writer.close()

    def _begin_group(self) -> None:
        """Let this group be written; wait for the one before, so that there are never three."""
        if self._writing:
            self._writing.result()
        self._writing = self._beside.submit(self._write_group, b"\n".join(self._lines))
        self._lines, self._size = [], 0

    def _write_group(self, text: bytes) -> None:
        self._writer.write_table(
            self._json.read_json(
                BytesIO(text),
                read_options=self._json.ReadOptions(block_size=len(text) + 1),
                parse_options=self._json.ParseOptions(
                    explicit_schema=self._schema, unexpected_field_behavior="error"
                ),
            )
        )


def to_line(row: dict[str, Any]) -> bytes:
    """Return a row as JSON that no reader breaks in two."""
    line = orjson.dumps(row)
    if line.isascii():
        return line
    for character, escape in ONE_LINE.items():
        if character in line:
            line = line.replace(character, escape)
    return line


@contextmanager
def all_or_none(paths: list[Path]) -> Iterator[list[BinaryIO]]:
    """Yield files to write; at the end they are at `paths`, after an error none of them is.

    Raises:
        OSError: a file can't be written.
    """
    partial = [path.with_name(f".{path.name}.{secrets.token_hex(4)}") for path in paths]
    try:
        with ExitStack() as stack:
            files = [stack.enter_context(path.open("xb", buffering=2**20)) for path in partial]
            yield files
            for file in files:
                file.flush()
                os.fsync(file.fileno())
        for one, path in zip(partial, paths, strict=True):
            one.replace(path)
    finally:
        for one in partial:
            one.unlink(missing_ok=True)


def _arrow(pa: ModuleType, kind: Any) -> Any:  # noqa: ANN401 - Arrow has no types
    if isinstance(kind, list):
        return pa.list_(_arrow(pa, kind[0]))
    if isinstance(kind, dict):
        return pa.struct([(name, _arrow(pa, inner)) for name, inner in kind.items()])
    types = {"string": pa.string(), "int": pa.int64(), "float": pa.float64()}
    return {**types, "time": pa.timestamp("us", "UTC")}[kind]
