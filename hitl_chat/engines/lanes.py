"""Rows that share a forward: a batch that rows join and leave between any two tokens.

Knows tensors, not versions or threads: whoever steps a lane has made its adapter the active one.

Shapes: B rows, T cached tokens, V vocabulary. Rows are padded on the left, with explicit position
ids, so that no row's numbers depend on its neighbours.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from hitl_chat.engines.rows import Row
from training.forward import Runner

CHUNK = 128
"""Prompt tokens that are read between two steps: long prompts don't stall other people's text."""


class Prefill:
    """A row whose prompt is being read, by itself, in pieces."""

    def __init__(self, row: Row, runner: Runner, device: torch.device) -> None:
        self.row = row
        self.cache = runner.cache()
        self._runner = runner
        self._ids = torch.tensor([list(row.prompt)], device=device)
        self._read = 0

    @property
    def done(self) -> bool:
        """Whether all of the prompt has been read."""
        return self._read == self._ids.shape[1]

    def step(self) -> None:
        """Read a piece; with the last one the row gets its first token."""
        until = min(self._read + CHUNK, self._ids.shape[1])
        mask = torch.ones((1, until), dtype=torch.long, device=self._ids.device)
        logits = self._runner.logits(self._ids[:, self._read : until], mask, self.cache)
        self._read = until
        if self.done:
            self.row.take(logits[0].cpu())


class Lane:
    """The rows of one version."""

    def __init__(self, runner: Runner, device: torch.device) -> None:
        self.rows: list[Row] = []
        self._runner = runner
        self._device = device
        self._cache = runner.cache()
        self._mask = torch.ones((0, 0), dtype=torch.long, device=device)

    def join(self, prefill: Prefill) -> None:
        """Take in a row whose prompt has been read."""
        length = prefill.cache.get_seq_length()
        mask = torch.ones((1, length), dtype=torch.long, device=self._device)
        if self.rows:
            for mine, its in _layers(self._cache, prefill.cache):
                mine.replace(
                    _stacked(mine.keys, its.keys, dim=-2), _stacked(mine.values, its.values, dim=-2)
                )
            mask = _stacked(self._mask, mask, dim=-1)
        else:
            self._cache = prefill.cache
        self._mask = mask
        self.rows.append(prefill.row)

    def step(self) -> None:
        """Give each row one more token."""
        self.drop([row for row in self.rows if row.over])  # their readers left
        if not self.rows:
            return
        ids = torch.tensor([[row.last] for row in self.rows], device=self._device)
        self._mask = torch.nn.functional.pad(self._mask, (0, 1), value=1)
        logits = self._runner.logits(ids, self._mask, self._cache)
        for row, row_logits in zip(self.rows, logits.cpu(), strict=True):
            row.take(row_logits)
        self.drop([row for row in self.rows if row.over])

    def drop(self, gone: Iterable[Row]) -> None:
        """Let rows go, with the padding that only they needed."""
        gone = set(gone)
        if not gone:
            return
        kept = [place for place, row in enumerate(self.rows) if row not in gone]
        self.rows = [self.rows[place] for place in kept]
        if not kept:
            self._cache = self._runner.cache()
            return
        self._mask = self._mask[kept]
        first = int(self._mask.any(0).int().argmax())
        self._mask = self._mask[:, first:]
        for layer, _ in _layers(self._cache, self._cache):
            layer.replace(layer.keys[kept][..., first:, :], layer.values[kept][..., first:, :])


def _layers(one: DynamicCache, other: DynamicCache) -> Iterable[tuple[Any, Any]]:
    return zip(one.layers, other.layers, strict=True)


def _stacked(above: Any, below: Any, dim: int) -> Tensor:  # noqa: ANN401
    """Stack two batches, the shorter one padded with zeros on the left of `dim`."""
    length = max(above.shape[dim], below.shape[dim])
    padded = []
    for tensor in (above, below):
        missing = length - tensor.shape[dim]
        spec = (0, 0) * (-dim - 1) + (missing, 0)
        padded.append(torch.nn.functional.pad(tensor, spec))
    return torch.cat(padded)
