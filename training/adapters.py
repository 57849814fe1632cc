"""Adapter folders: written whole or not at all, and checked before anything loads them.

Knows files and shapes, not whether an adapter is any good.
"""

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import SafetensorError, safe_open

from training.policy import Base

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
MANIFEST = "manifest.json"
STAGING = ".staging-"
MAX_BYTES = 2 * 1024**3
MAX_NORM = 1e4
"""No tensor of a sane adapter comes near; one that does would drown the base."""


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


def publish(policy: PeftModel, adapters: Path, parent: str, base: str, cycle: int) -> str:
    """Write the adapter as a new immutable version and return its id.

    Staged, flushed to disk and renamed, so that a reader sees all of it or nothing, whenever this
    process dies.
    """
    staging = adapters / f"{STAGING}{cycle}"
    shutil.rmtree(staging, ignore_errors=True)
    policy.save_pretrained(str(staging), safe_serialization=True)
    (staging / "README.md").unlink(missing_ok=True)  # PEFT's empty model card template
    sha256 = {f.name: _sha256(f) for f in sorted(staging.iterdir())}
    version = f"v{cycle:06d}-{sha256[WEIGHTS][:8]}"
    manifest = Manifest(version, parent, base, cycle, sha256)
    (staging / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2), encoding="utf-8")
    for file in staging.iterdir():
        _fsync(file)
    _fsync(staging)
    staging.rename(adapters / version)
    _fsync(adapters)
    return version


def sweep(adapters: Path, keep: set[str]) -> None:
    """Remove what a killed publish left half done, and versions that nobody needs any more."""
    for folder in adapters.iterdir():
        if folder.is_dir() and folder.name not in keep:
            shutil.rmtree(folder)


def verify(folder: Path, base: Base) -> Manifest:
    """Check that `folder` is whole, unchanged, safe to read and made for `base`.

    Raises:
        AdapterError: with what is wrong.
    """
    manifest = read_manifest(folder)
    if manifest.base != base.name:
        raise AdapterError(
            f"Adapter {folder.name} was made for base '{manifest.base}', not '{base.name}'."
        )
    for name, digest in manifest.sha256.items():
        if _sha256(folder / name) != digest:
            raise AdapterError(f"Adapter {folder.name}: file {name} is not the one published.")
    _check_tensors(folder, base)
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


def _check_tensors(folder: Path, base: Base) -> None:
    """Compare every tensor with the shape that this config gives on this base."""
    expected = _expected_shapes(folder, base)
    try:
        with safe_open(folder / WEIGHTS, framework="pt") as weights:
            names = set(weights.keys())
            if names != set(expected):
                odd = sorted(names ^ set(expected))[:3]
                raise AdapterError(f"Adapter {folder.name}: tensors missing or extra: {odd}.")
            for name in names:
                _check_tensor(folder.name, name, weights.get_tensor(name), expected[name])
    except SafetensorError as error:
        raise AdapterError(f"Adapter {folder.name}: {WEIGHTS} is broken: {error}.") from error


def _check_tensor(version: str, name: str, tensor: torch.Tensor, shape: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != shape:
        raise AdapterError(
            f"Adapter {version}: {name} has shape {tuple(tensor.shape)}, not {shape}."
        )
    if not torch.isfinite(tensor).all():
        raise AdapterError(f"Adapter {version}: {name} holds NaN or infinity.")
    if tensor.float().norm() > MAX_NORM:
        raise AdapterError(f"Adapter {version}: {name} has a norm above {MAX_NORM:g}.")


def _expected_shapes(folder: Path, base: Base) -> dict[str, tuple[int, ...]]:
    """Build the same adapter on an empty copy of the base, without memory, and read its shapes."""
    try:
        config = LoraConfig.from_pretrained(str(folder))
        with torch.device("meta"):
            empty = type(base.model)(base.model.config)
            shell = get_peft_model(empty, config)
    except (ValueError, TypeError, KeyError) as error:
        raise AdapterError(
            f"Adapter {folder.name}: {CONFIG} is not for this base: {error}."
        ) from error
    return {
        name.replace(".default.", "."): tuple(parameter.shape)
        for name, parameter in shell.named_parameters()
        if ".lora_" in name
    }


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
