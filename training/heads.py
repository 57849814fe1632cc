"""The newest reward head, kept in one file for whoever asks why it likes an answer, or how sure it is.

Written whole or not at all, also by a cycle that promoted nothing: it says what people's feedback
comes to, whatever came of the update. Knows no cycle and no answer.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from storage.home import settle
from training.base import Base
from training.doubt import KEPT, TOKENIZER, WORDS
from training.hidden import Hidden
from training.kinds import KINDS
from training.reward_head import RewardHead
from training.worths import by_member

TENSORS = ("mean_F", "scale_F", "weight_FK", "bias_K")
UNITS = ("inner_KUF", "bias_KU", "outer_KU")
"""Those of hidden units; a linear head has none."""


class NoHead(ValueError):
    """There is no head that could be asked; shown to whoever asks."""


@dataclass(frozen=True)
class Reading:
    """How a head's features are read off an answer, and who fitted it."""

    base: str
    frozen: int
    max_prompt: int
    max_answer: int
    cycle: int


@dataclass(frozen=True)
class Words:
    """What the chat needs to tell by words alone how much members differ about an answer."""

    worths_VK: Tensor
    tokenizer: bytes
    end: int
    disputed: float


def words(head: RewardHead, base: Base, disputed: float) -> Words | None:
    """Return that of a head, unless the base's tokenizer can't be written down."""
    tokenizer = getattr(base.tokenizer, "backend_tokenizer", None)
    if tokenizer is None:
        return None
    told = tokenizer.to_str().encode()
    return Words(by_member(head, base), told, base.end_id, disputed)


def keep(file: Path, head: RewardHead, reading: Reading, told: Words | None = None) -> None:
    """Put a head in the place of the one before, and what is `told` of words with it."""
    about: dict[str, Any] = {
        "reading": asdict(reading),
        "head": {
            "penalty": head.penalty,
            "caution": head.caution,
            "wanted": head.wanted,
        },
        "kinds": KINDS,
    }
    staging = file.with_suffix(".staging")
    tensors = {name: getattr(head, name).contiguous() for name in TENSORS}
    if head.hidden:
        tensors |= {name: getattr(head.hidden, name).contiguous() for name in UNITS}
    if told:
        about["doubt"] = {"end": told.end, "disputed": told.disputed}
        tensors[WORDS] = told.worths_VK.half()
        tensors[TOKENIZER] = torch.frombuffer(bytearray(told.tokenizer), dtype=torch.uint8)
    save_file(tensors, staging, {KEPT: json.dumps(about)})
    settle(staging)
    staging.replace(file)


def load(file: Path) -> tuple[RewardHead, Reading]:
    """Return the newest head, and how it reads answers.

    Raises:
        NoHead: none was fitted yet, or the file is broken.
    """
    if not file.exists():
        raise NoHead("No reward head yet: the next training with enough feedback fits one.")
    try:
        with safe_open(file, framework="pt") as stored:
            about: dict[str, Any] = json.loads(stored.metadata()[KEPT])
            tensors = {name: stored.get_tensor(name) for name in TENSORS}
            units = {name: stored.get_tensor(name) for name in UNITS if name in set(stored.keys())}
        told = _of_this_release(about)["head"]
        head = RewardHead(
            **tensors,
            penalty=told["penalty"],
            caution=told["caution"],
            wanted=tuple(told["wanted"]),
            hidden=Hidden(**units) if units else None,
        )
        return head, Reading(**about["reading"])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise NoHead(f"{file} can't be read ({error}). The next training writes it anew.") from None


def _of_this_release(about: dict[str, Any]) -> dict[str, Any]:
    if about["kinds"] != list(KINDS):
        raise ValueError("it goes by other kinds of tokens than this release")
    return about
