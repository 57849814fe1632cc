"""The policy: a base model with LoRA in its top layers, and the frozen rest that is run only once.

Knows tensors, not feedback: who rated what, and what a reward is, is decided elsewhere.

Shapes: B answers, T tokens of prompt and answer, D hidden size, V vocabulary.
Sequences are padded on the right, so causal attention needs no mask and position ids stay plain.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor, nn
from torch.nn.functional import pad
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from training.base import Base, ModelMissing
from training.config import TrainingConfig
from training.projection import chosen_logprobs

COLDEST = 0.3
"""Temperature of training at least: from greedy answers nothing can be learnt."""
PROBED, ALIKE = 16, 0.02
"""Tokens by which a model's logits are told, and how far they may be off beside the largest."""
SPLITTABLE = {"llama", "mistral", "qwen2", "qwen3"}
"""Model types whose layers are plain `model.layers`, so that the frozen ones can run apart."""


class Policy:
    """A base with a LoRA adapter in its top layers.

    The lower layers are frozen, so `trunk` runs once for each answer, and the policy, the
    reference, the value head and the reward head all start from what it returns.
    """

    def __init__(self, base: Base, config: TrainingConfig, adapter: Path | None = None) -> None:
        """Begin from `adapter`, or from a fresh one that changes nothing yet."""
        self.base = base
        self.temperature = max(config.temperature, COLDEST)
        layers = int(base.model.config.num_hidden_layers)
        first = max(0, layers - config.lora_layers)
        if adapter is None:
            self.peft: PeftModel = get_peft_model(
                base.model, _lora(base.model, config.lora_rank, range(first, layers))
            )
        else:
            self.peft = PeftModel.from_pretrained(base.model, str(adapter), is_trainable=True)
            stored: Any = self.peft.peft_config["default"]
            first = min(stored.layers_to_transform or [0])
        self.frozen = first
        """How many of the lower layers are frozen."""
        self.peft.eval()  # no dropout anywhere: the ratio must be 1 before the first step
        self._lower, self._upper = _split(base.model, first)
        self._middle, self._last = _split(base.model, layers - 1, first)
        self._boundary = _last_frozen(base.model, first)
        self.plain_temperature = self.temperature / self._scale()
        """The same for products of states and the vocabulary, which some models go on to scale."""

    @torch.no_grad()
    def _scale(self) -> float:
        """Return what the model multiplies such products by to have its logits: 1 for most.

        Raises:
            ModelMissing: it makes something else of them, which training would not reckon with.
        """
        ids_BT = torch.arange(PROBED, device=self.base.device)[None]
        with self.as_reference():
            made: Tensor = self.base.model(input_ids=ids_BT).logits.double()
            plain: Tensor = self.base.model.get_output_embeddings()(self.top(self.trunk(ids_BT)))
        scale = float((made * plain).sum() / plain.double().square().sum())
        if float((made - scale * plain).abs().max()) > ALIKE * float(made.abs().max()):
            raise ModelMissing(
                f"Model '{self.base.name}' bends its logits, as by a cap, which training can't follow. "
                "Set HITL_MODEL to another one, or HITL_TRAINER=off to chat without training."
            )
        return 1.0 if abs(scale - 1) < ALIKE else scale

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The adapter's weights: all that is trained."""
        return [p for p in self.peft.parameters() if p.requires_grad]

    @property
    def last_parameters(self) -> list[nn.Parameter]:
        """Those of the last layer, or of all where the layers can't be told apart."""
        return [p for p in self._last.parameters() if p.requires_grad]

    def snapshot(self) -> list[Tensor]:
        """Return a copy of the adapter's weights."""
        return [p.detach().clone() for p in self.parameters]

    def restore(self, weights: list[Tensor]) -> None:
        """Put a snapshot back."""
        with torch.no_grad():
            for parameter, saved in zip(self.parameters, weights, strict=True):
                parameter.copy_(saved)

    def close(self) -> None:
        """Take the adapter out, so that the base is bare again."""
        self.peft.unload()

    @torch.no_grad()
    def trunk(self, ids_BT: Tensor) -> Tensor:
        """Run the frozen part once: token ids to hidden states BTD."""
        if self._lower is None:
            embedded: Tensor = self.base.model.get_input_embeddings()(ids_BT)
            return embedded
        hidden: Tensor = self._lower(input_ids=ids_BT, use_cache=False).last_hidden_state
        return hidden

    @torch.no_grad()
    def branches(self, ids_BT: Tensor, place_BC: Tensor, token_BC: Tensor) -> Tensor:
        """Return what `trunk` would return for other tokens, BCD, each in the place of one of its row's.

        All of a row at once: each sees what stands before its place, and none of the others.
        """
        if self._lower is None:
            return self.trunk(token_BC)
        width, others = ids_BT.shape[1], token_BC.shape[1]
        straight_BT = torch.arange(width, device=ids_BT.device).expand_as(ids_BT)
        at_BS = torch.cat([straight_BT, place_BC], 1)
        before_BST = straight_BT[:, None] < at_BS[..., None]
        itself_SS = torch.eye(width + others, dtype=torch.bool, device=ids_BT.device)
        seen_BSS = pad(before_BST, (0, others)) | itself_SS
        states_BSD: Tensor = self._lower(
            input_ids=torch.cat([ids_BT, token_BC], 1),
            attention_mask=_as_bias(seen_BSS[:, None], self.base.model.dtype),
            position_ids=at_BS,
            use_cache=False,
        ).last_hidden_state
        return states_BSD[:, width:]

    @contextmanager
    def watched(self) -> Iterator[list[Tensor]]:
        """Within, gather what `trunk` would return for the tokens of each run of the whole model."""
        seen: list[Tensor] = []
        hook = self._boundary.register_forward_hook(lambda _, __, found: seen.append(found))
        try:
            yield seen
        finally:
            hook.remove()

    def top(self, trunk_BTD: Tensor) -> Tensor:
        """Run the adapted part: what `trunk` returned to final hidden states BTD."""
        return _through(self._upper, trunk_BTD)

    @torch.no_grad()
    def below_last(self, trunk_BTD: Tensor) -> Tensor:
        """Run the adapted part but for its last layer: to what `last` goes on from, BTD."""
        return trunk_BTD if self._middle is None else _through(self._middle, trunk_BTD)

    def last(self, below_BTD: Tensor) -> Tensor:
        """Run the last layer: what `below_last` returned to final hidden states BTD."""
        return _through(self._last, below_BTD)

    @contextmanager
    def as_reference(self) -> Iterator[None]:
        """Within, the policy is the bare base."""
        with self.peft.disable_adapter():
            yield

    @torch.no_grad()
    def logits(self, hidden_ND: Tensor) -> Tensor:
        """Return the logits NV that answers are drawn by, at the same temperature."""
        logits_NV: Tensor = self.base.model.get_output_embeddings()(hidden_ND)
        return logits_NV.float() / self.plain_temperature

    def logprobs(self, hidden_ND: Tensor, ids_N: Tensor) -> Tensor:
        """Return the log-probability N of each token, given the state before it.

        At the temperature that answers are drawn with: that is the policy which people meet.
        """
        head = self.base.model.get_output_embeddings()
        return chosen_logprobs(hidden_ND, head, ids_N, self.plain_temperature)


def gradient_step(
    optimiser: torch.optim.Optimizer, loss: Tensor, trained: list[nn.Parameter], norm: float
) -> float:
    """Take one gradient step; returns the gradient's norm before clipping."""
    optimiser.zero_grad()
    loss.backward()
    length = float(nn.utils.clip_grad_norm_(trained, norm))
    optimiser.step()
    return length


def _lora(model: PreTrainedModel, rank: int, layers: range) -> LoraConfig:
    """Adapt every linear map of `layers`; alpha = rank, so that the rate alone sets the step."""
    linear = {
        name.rsplit(".", 1)[-1]
        for name, module in model.named_modules()
        if isinstance(module, (nn.Linear, Conv1D))
        and any(part.isdigit() for part in name.split("."))
    }
    transposed = any(isinstance(m, Conv1D) for m in model.modules())  # GPT-2's kind of linear map
    return LoraConfig(
        fan_in_fan_out=transposed,
        r=rank,
        lora_alpha=rank,
        target_modules=sorted(linear),
        layers_to_transform=list(layers),
        task_type="CAUSAL_LM",
    )


def _split(model: PreTrainedModel, cut: int, first: int = 0) -> tuple[nn.Module | None, nn.Module]:
    """Return views of the layers from `first` to below `cut`, and from there on.

    They share every weight with `model`. Where the layers can't be told apart, the lower view is None
    and the upper one is the whole body, which costs time but changes no number.
    """
    body: Any = model.base_model
    if model.config.model_type not in SPLITTABLE:
        return None, body
    lower, upper = _view(body), _view(body)
    lower.layers, lower.norm = body.layers[first:cut], nn.Identity()
    upper.layers = body.layers[cut:]
    return lower, upper


def _last_frozen(model: PreTrainedModel, first: int) -> nn.Module:
    """Return what gives the adapted layers, from `first` on, the states that they start from."""
    body: Any = model.base_model
    if first and model.config.model_type in SPLITTABLE:
        layer: nn.Module = body.layers[first - 1]
        return layer
    embeddings: nn.Module = model.get_input_embeddings()
    return embeddings


def _as_bias(seen: Tensor, dtype: torch.dtype) -> Tensor:
    """Return what is added to attention's scores so that only what is `seen` counts."""
    nothing = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
    return nothing.masked_fill(~seen, torch.finfo(dtype).min)


def _through(view: nn.Module, hidden_BTD: Tensor) -> Tensor:
    states_BTD: Tensor = view(inputs_embeds=hidden_BTD, use_cache=False).last_hidden_state
    return states_BTD


def _view(module: nn.Module) -> Any:  # noqa: ANN401 - attributes differ by architecture
    view = copy.copy(module)
    view._modules = dict(module._modules)  # else the copy would share its slots
    return view
