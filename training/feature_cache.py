"""Features of the answers that people rated, kept between cycles: the frozen layers see each once.

One file for each way of reading answers. It is a cache, safe to delete: what can't be read is made
again, and what a cycle didn't ask for leaves the file with it. Knows no rating.

Shapes: N answers, F features.
"""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.config import TrainingConfig
from training.form import FORMS
from training.kinds import KINDS
from training.lexicon import LEXICON
from training.policy import Policy
from training.prompts import Answer, Turn
from training.rollout import CHUNK, given

log = logging.getLogger(__name__)

Item = tuple[list[Turn], Answer]
"""Turns and the answer to them."""
KEY_BYTES = 16
PROBE = 256
"""Rows of the embedding by which a base is known again: a name may come to mean another model."""


class FeatureCache:
    """Reads features from its file, has the rest worked out, and writes the file anew."""

    def __init__(self, folder: Path, policy: Policy, config: TrainingConfig) -> None:
        self._policy = policy
        self._config = config
        self._file = folder / f"{_way(policy, config)}.safetensors"

    def features(self, items: Sequence[Item]) -> Tensor:
        """Return the features of each answer, NF, and keep these and no others."""
        if not items:
            return torch.zeros(0, 0)
        keys, known = [_key(item) for item in items], self._read()
        found = self._found(dict(zip(keys, items, strict=True)), known)
        if found.keys() != known.keys():
            self._write(found)
        return torch.stack([found[key] for key in keys]).float()

    def glance(self, items: Sequence[Item]) -> Tensor:
        """Return the same and leave the file as it is, which is the trainer's to write."""
        keys = [_key(item) for item in items]
        found = self._found(dict(zip(keys, items, strict=True)), self._read())
        return torch.stack([found[key] for key in keys]).float()

    def _found(
        self, items: Mapping[bytes, Item], known: Mapping[bytes, Tensor]
    ) -> dict[bytes, Tensor]:
        """Return the rows of these answers; those that aren't known are worked out."""
        missing = [key for key in items if key not in known]
        fresh = dict(zip(missing, self._work_out([items[key] for key in missing]), strict=True))
        return {key: fresh[key] if key in fresh else known[key] for key in items}

    def _work_out(self, items: list[Item]) -> list[Tensor]:
        rows: list[Tensor] = []
        for start in range(0, len(items), CHUNK):
            part = given(self._policy, items[start : start + CHUNK], self._config)
            rows.extend(part.features_BF.half())
        return rows

    def _read(self) -> dict[bytes, Tensor]:
        if not self._file.exists():
            return {}
        try:
            stored = load_file(self._file)
            keys = stored["keys"].numpy().tobytes()
            rows = stored["rows"].unbind()
        except (SafetensorError, KeyError, OSError) as error:
            log.warning("%s can't be read (%s); its features are made again", self._file, error)
            return {}
        places = range(0, len(keys), KEY_BYTES)
        return {keys[i : i + KEY_BYTES]: row for i, row in zip(places, rows, strict=True)}

    def _write(self, rows: dict[bytes, Tensor]) -> None:
        self._file.parent.mkdir(exist_ok=True)
        keys = torch.frombuffer(bytearray(b"".join(rows)), dtype=torch.uint8)
        staging = self._file.with_suffix(".staging")
        save_file(
            {"keys": keys.reshape(-1, KEY_BYTES), "rows": torch.stack(list(rows.values()))}, staging
        )
        staging.replace(self._file)


def _key(item: Item) -> bytes:
    turns, answer = item
    told = json.dumps((turns, astuple(answer)), ensure_ascii=False).encode()
    return hashlib.blake2b(told, digest_size=KEY_BYTES).digest()


def _way(policy: Policy, config: TrainingConfig) -> str:
    """Name what features hang on besides the answer: frozen layers, what is cut, what is counted."""
    weight: Any = policy.base.model.get_input_embeddings().weight
    words = weight.detach()[:PROBE]
    digest = hashlib.blake2b(words.float().cpu().numpy().tobytes(), digest_size=KEY_BYTES)
    digest.update(
        f"{policy.frozen} {words.dtype} {config.max_prompt} {config.max_answer} ".encode()
    )
    digest.update(f"{policy.base.end_id}".encode())
    told = {name: sorted(words) for name, words in LEXICON.items()}
    digest.update(f"{KINDS} {told} {FORMS}".encode())
    return digest.hexdigest()
