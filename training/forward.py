"""Forwards of a model that continue from a cache, for whoever writes text token by token.

Knows tensors, not who reads the text, nor how a token is chosen.

Shapes: B rows, T tokens, V vocabulary. Rows are padded on the left, with explicit position ids, so
that no row's numbers depend on its neighbours.
"""

import inspect
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer

ROOM = 64
"""Tokens that a cache can take before it is copied to a bigger place."""


class RoomyLayer(DynamicLayer):
    """A cache layer that appends in place; the stock one copies all of the past for each token."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._room: tuple[Tensor, Tensor] | None = None

    def update(
        self,
        key_states: Tensor,
        value_states: Tensor,
        *args: Any,  # noqa: ANN401, ARG002 - as in the class above
        **kwargs: Any,  # noqa: ANN401, ARG002
    ) -> tuple[Tensor, Tensor]:
        """Append, and return all keys and values."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        old = self.get_seq_length()
        new = old + key_states.shape[-2]
        if self._room is None or self._room[0].shape[-2] < new:
            self._room = (
                _roomy(self.keys, key_states, old, new + ROOM),
                _roomy(self.values, value_states, old, new + ROOM),
            )
        keys, values = self._room
        keys[..., old:new, :] = key_states
        values[..., old:new, :] = value_states
        self.keys, self.values = keys[..., :new, :], values[..., :new, :]
        return self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        """Hold these rows instead, in this order, each as often as it is named."""
        super().batch_select_indices(indices)
        self._room = None

    def replace(self, keys: Tensor, values: Tensor) -> None:
        """Hold these instead."""
        self.keys, self.values, self._room = keys, values, None


def _roomy(past: Any, fresh: Tensor, length: int, capacity: int) -> Tensor:  # noqa: ANN401
    place = fresh.new_empty((*fresh.shape[:-2], capacity, fresh.shape[-1]))
    if length:
        place[..., :length, :] = past
    return place


class Runner:
    """Calls a model with the arguments that its architecture knows."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        known = inspect.signature(model.forward).parameters
        self._places = "position_ids" in known
        self._extra = {"logits_to_keep": 1} if "logits_to_keep" in known else {}

    def cache(self) -> DynamicCache:
        """Return an empty cache that keeps every token, whatever window the layers look at."""
        cache = DynamicCache()
        cache.layer_class_to_replicate = RoomyLayer
        return cache

    @torch.inference_mode()
    def logits(self, ids: Tensor, mask: Tensor, cache: DynamicCache) -> Tensor:
        """Run `ids` BT after what is cached, with the mask over both; returns the last logits BV."""
        extra: dict[str, Any] = dict(self._extra)
        if self._places:
            places = mask.cumsum(-1) - 1
            extra["position_ids"] = places[:, -ids.shape[1] :].clamp(min=0)
        out = self._model(
            input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True, **extra
        )
        last: Tensor = out.logits[:, -1].float()
        return last
