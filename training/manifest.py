"""What an adapter folder says it holds, held against what lies there.

Knows files, not tensors: whoever serves a folder checks what it loads of it besides.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
MANIFEST = "manifest.json"
MAX_BYTES = 2 * 1024**3


class AdapterError(ValueError):
    """An adapter folder isn't what it says; it must not be loaded."""


@dataclass(frozen=True)
class Manifest:
    """What a version is made of. `sha256` covers every other file of the folder."""

    version: str
    parent: str
    base: str
    cycle: int | None
    sha256: dict[str, str]


def verify_files(folder: Path, base: str) -> Manifest:
    """Check that `folder` is whole, unchanged, safe to read and made for the base of that name.

    Raises:
        AdapterError: with what is wrong.
    """
    manifest = read_manifest(folder)
    if manifest.base != base:
        raise AdapterError(
            f"Adapter {folder.name} was made for base '{manifest.base}', not '{base}'."
        )
    for name, digest in manifest.sha256.items():
        if sha256(folder / name) != digest:
            raise AdapterError(f"Adapter {folder.name}: file {name} is not the one published.")
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest and check that the folder holds exactly the files it names.

    Raises:
        AdapterError: no readable manifest, or files that it doesn't name.
    """
    try:
        manifest = Manifest(**json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise AdapterError(f"Adapter {folder.name} has no readable {MANIFEST}: {error}.") from error
    names = {f.name for f in folder.iterdir()}
    if names != {*manifest.sha256, MANIFEST} or not {WEIGHTS, CONFIG} <= names:
        raise AdapterError(f"Adapter {folder.name} holds {sorted(names)}, not what it lists.")
    for name in names:
        file = folder / name
        if file.is_symlink() or not file.is_file() or file.stat().st_size > MAX_BYTES:
            raise AdapterError(f"Adapter {folder.name}: {name} is no plain file of sane size.")
    if manifest.version != folder.name:
        raise AdapterError(f"Adapter {folder.name} says that it is {manifest.version}.")
    return manifest


def sha256(file: Path) -> str:
    """Return a file's digest."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
