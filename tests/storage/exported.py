"""What an export wrote, read back."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from pyarrow import parquet

from storage import export
from storage.database import Database
from storage.export import EVERYTHING, Order

LOADER = Path(__file__).with_name("load_dataset.py")


def rows(
    database: Database, name: str, folder: Path, order: Order = EVERYTHING
) -> list[dict[str, Any]]:
    path = folder / export.file_name(name)
    with database.read() as session:
        written = export.write(session, name, path, order)
    lines = read(path)
    assert written.rows == {path: len(lines)}
    return lines


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        found: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
        return found
    text = path.read_text(encoding="utf-8")
    lines = json.loads(text) if path.suffix == ".json" else map(json.loads, text.splitlines())
    return list(lines)


def said(*texts: str) -> list[dict[str, str]]:
    """These turns, a person's first."""
    roles = ("user", "assistant") * len(texts)
    return [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]


def answered(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def load(folder: Path, *files: Path) -> dict[str, Any]:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hub")}
    command = [sys.executable, str(LOADER), str(folder / "cache"), *map(str, files)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded: dict[str, Any] = json.loads(done.stdout)
    return loaded
