"""The adapters of a serving model: loaded beside each other, one active at a time.

Knows no thread: only the one that runs the model may call this, between two forwards.
"""

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig, PeftModel

from hitl_chat.engines.protocol import AdapterRejected
from storage.models import BASE_VERSION
from training.adapters import verify
from training.base import Base
from training.forward import Runner
from training.manifest import AdapterError

SMOKE = "Hello"
"""What a new adapter is tried on."""


class Adapters:
    """Which versions are loaded, and which one the next forward uses."""

    def __init__(self, base: Base, runner: Runner) -> None:
        self._base = base
        self._runner = runner
        self._peft: Any = None  # wraps the model once there is a first adapter
        self._names: dict[str, str] = {}
        self._count = itertools.count()
        self._active: str | None = BASE_VERSION

    @property
    def loaded(self) -> set[str]:
        """The versions that take memory."""
        return set(self._names)

    def use(self, version: str) -> None:
        """Make the next forward use `version`, which is loaded or the base."""
        if version == self._active:
            return
        self._active = None  # unknown, should anything below fail half-way
        if version == BASE_VERSION:
            if self._peft is not None:
                self._peft.base_model.disable_adapter_layers()
        else:
            self._peft.base_model.enable_adapter_layers()
            self._peft.set_adapter(self._names[version])
        self._active = version

    def load(self, version: str, folder: Path) -> None:
        """Load a verified folder beside the others and try one forward with it.

        Raises:
            AdapterRejected: it can't be loaded or gives no finite numbers; nothing stays of it.
        """
        if version in self._names:
            return
        name = f"a{next(self._count)}"  # versions may hold characters that module names may not
        self._active = None
        try:
            self._insert(name, folder)
            self._names[version] = name
            self.use(version)
            finite = self.smoke()
        except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
            self._remove(version, name)
            raise AdapterRejected(f"Adapter {version} can't be loaded: {error}") from error
        if not finite:
            self._remove(version, name)
            raise AdapterRejected(f"Adapter {version} gives NaN or infinity.")

    def retire(self, needed: Iterable[str]) -> None:
        """Unload what nobody needs."""
        for version in self.loaded.difference(needed):
            self._remove(version, self._names[version])

    def smoke(self) -> bool:
        """Run one short forward with what is active; returns whether its numbers are finite."""
        ids = self._base.tokenizer.encode(SMOKE, add_special_tokens=False)
        prompt = torch.tensor([ids], device=self._base.device)
        logits = self._runner.logits(prompt, torch.ones_like(prompt), self._runner.cache())
        return bool(torch.isfinite(logits).all())

    def _insert(self, name: str, folder: Path) -> None:
        device = str(self._base.device)  # PEFT's own guess is "cuda" (huggingface/peft#3793)
        if self._peft is None:
            config = PeftConfig.from_pretrained(str(folder))
            config.inference_mode = True
            self._peft = PeftModel(
                self._base.model, config, adapter_name=name, low_cpu_mem_usage=True
            )
        self._peft.load_adapter(
            str(folder), adapter_name=name, torch_device=device, low_cpu_mem_usage=True
        )
        self._peft.eval()

    def _remove(self, version: str, name: str) -> None:
        """Take an adapter out; with the last one PEFT's layers go, and the base is as fast as new."""
        self._names.pop(version, None)
        self._active = None
        if self._peft is None or name not in self._peft.peft_config:
            return
        if self._names:
            self._peft.set_adapter(next(iter(self._names.values())))
            self._peft.delete_adapter(name)
        else:
            self._peft.unload()
            self._peft = None
            self._active = BASE_VERSION


def verified(version: str, folder: Path, base: Base) -> None:
    """Check that a folder is whole and holds this version, made for this base.

    Raises:
        AdapterRejected: with what is wrong.
    """
    try:
        manifest = verify(folder, base)
    except (AdapterError, OSError) as error:
        raise AdapterRejected(str(error)) from error
    if manifest.version != version:
        raise AdapterRejected(f"Folder {folder.name} holds {manifest.version}, not {version}.")
