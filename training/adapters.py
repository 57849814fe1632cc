"""Adapter folders: written whole or not at all, and checked before anything loads them.

Knows files and shapes, not whether an adapter is any good.
"""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from safetensors import SafetensorError, safe_open

from storage.home import settle
from training.base import Base
from training.gguf import GgufError
from training.gguf import read as read_gguf
from training.manifest import (
    CONFIG,
    MANIFEST,
    MAX_BYTES,
    WEIGHTS,
    AdapterError,
    Manifest,
    sha256,
    verify_files,
)
from training.merged import MERGED, Delta, check, write

STAGING = ".staging-"
MAX_NORM = 1e4
"""No tensor of a sane adapter comes near; one that does would drown the base."""


def publish(policy: PeftModel, adapters: Path, parent: str, base: Base, cycle: int) -> str:
    """Write the adapter as a new immutable version and return its id.

    Staged, flushed to disk and renamed, so that a reader sees all of it or nothing, whenever this
    process dies. Where the base comes with a GGUF, the version holds a merged one for llama.cpp.

    Raises:
        AdapterError: the merged GGUF can't be made; nothing is published.
    """
    staging = adapters / f"{STAGING}{cycle}"
    shutil.rmtree(staging, ignore_errors=True)
    policy.save_pretrained(str(staging), safe_serialization=True)
    (staging / "README.md").unlink(missing_ok=True)  # PEFT's empty model card template
    if base.gguf is not None:
        _merge(policy, base.gguf, staging / MERGED)
    hashes = {f.name: sha256(f) for f in sorted(staging.iterdir())}
    version = f"v{cycle:06d}-{hashes[WEIGHTS][:8]}"
    manifest = Manifest(version, parent, base.name, cycle, hashes)
    (staging / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2), encoding="utf-8")
    for file in staging.iterdir():
        settle(file)
    settle(staging)
    staging.rename(adapters / version)
    settle(adapters)
    return version


def _merge(policy: PeftModel, gguf: Path, path: Path) -> None:
    """Write the merged GGUF, and look at it as whoever loads it will."""
    try:
        base = read_gguf(gguf)
        write(base, _deltas(policy), path)
        check(path, base)
    except GgufError as error:
        raise AdapterError(f"No GGUF can be made of this adapter: {error}") from error
    if path.stat().st_size > MAX_BYTES:
        raise AdapterError(f"The GGUF of this adapter is larger than {MAX_BYTES} bytes.")


def _deltas(policy: PeftModel) -> dict[str, Delta]:
    """Return, for each adapted map, what computes its change; all at once may not fit."""
    adapter = policy.active_adapter

    def computes(layer: Any) -> Delta:  # noqa: ANN401 - not every LoraLayer is typed to have one
        return lambda: layer.get_delta_weight(adapter).detach().float().cpu().numpy()

    return {
        name: computes(module)
        for name, module in policy.get_base_model().named_modules()
        if isinstance(module, LoraLayer)
    }


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
    manifest = verify_files(folder, base.name)
    _check_tensors(folder, base)
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
