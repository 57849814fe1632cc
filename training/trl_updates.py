"""TRL's trainers on the policy's own adapter: KTO, DPO, or SFT on the liked answers.

KTO: Ethayarajh et al. 2024 (arXiv:2402.01306). DPO: Rafailov et al. 2023 (arXiv:2305.18290).
Knows no reward and draws no answers. Importing it imports TRL: 0.7 s and 100 MB.

Departures from what TRL does by itself:
1. It gets token ids, those that serving renders; its own rendering cuts words otherwise where a
   prompt ends and an answer begins.
2. The reference is the bare base, as for PPO. TRL takes what the adapter was when training began,
   so over many cycles nothing would hold the policy near the base.
3. It tells nobody: no telemetry, no progress bars, no checkpoints.

Log-probabilities are those at temperature 1, where PPO's are at the temperature of chat.
"""

import copy
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from datasets import Dataset
from transformers import (
    PrinterCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.kto_config import KTOConfig
from trl.trainer.kto_trainer import KTOTrainer
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from training.change import weight_change
from training.config import TrainingConfig
from training.examples import opinions, preferences
from training.policy import Policy
from training.prompts import Answer, Turn, render
from training.rollout import answer_ids
from training.targets import Targets

Report = Callable[[float, str], None]
"""Called with progress from 0 to 1 and a line for people."""
Row = dict[str, Any]

REPORTS = 20
"""Times that an update tells how it goes, at most."""


def update(
    policy: Policy, targets: Targets, config: TrainingConfig, report: Report
) -> dict[str, Any]:
    """Train the adapter with the trainer that `config.update` names; returns how it went.

    Raises:
        NothingLearnt: no weight moved, or the weights are no longer finite.
    """
    rows = _ROWS[config.update](policy, targets, config)
    before = policy.snapshot()
    listener = _Listener(config.update, report)
    with _lent(policy), tempfile.TemporaryDirectory() as folder:
        trainer = _trainer(policy, rows, config, folder)
        trainer.add_callback(listener)
        trainer.train()
    return {
        "update": config.update,
        "updates": trainer.state.global_step,
        "examples": len(rows),
        "stopped": "all epochs done",
        "weight_change": weight_change(before, policy.snapshot(), "HITL_TRL_RATE"),
        "history": listener.history,
    }


@contextmanager
def _lent(policy: Policy) -> Iterator[None]:
    """Lend TRL the model, and take back all that it changes besides the adapter's weights."""
    network: Any = policy.base.model
    found = network.config, network.generation_config
    network.config, network.generation_config = copy.deepcopy(found)
    try:
        yield
    finally:
        network.config, network.generation_config = found
        vars(network).pop("forward", None)  # where TRL put one that returns no logits
        policy.peft.eval()


def _trainer(policy: Policy, rows: list[Row], config: TrainingConfig, folder: str) -> Any:  # noqa: ANN401
    trainer = _TRAINERS[config.update](
        model=policy.peft,
        args=_arguments(policy, rows, config, folder),
        train_dataset=Dataset.from_list(rows),
        processing_class=policy.base.tokenizer,
    )
    trainer.remove_callback(PrinterCallback)  # standard output is for the worker's one line
    if "ref" in policy.peft.peft_config:
        policy.peft.delete_adapter("ref")  # TRL's reference; without it, the bare base is
    return trainer


def _arguments(policy: Policy, rows: list[Row], config: TrainingConfig, folder: str) -> Any:  # noqa: ANN401
    cuda = policy.base.device.type == "cuda"
    arguments = _CONFIGS[config.update](
        output_dir=folder,
        seed=config.seed,
        num_train_epochs=config.trl_epochs,
        learning_rate=config.trl_rate,
        per_device_train_batch_size=_batch(config),
        max_grad_norm=config.grad_norm,
        max_length=None,  # rows are within bounds already
        bf16=False,  # else what the base was loaded in would not be what it computes in
        activation_checkpointing=False,  # the frozen layers keep no activations as it is
        use_cpu=not cuda,
        dataloader_pin_memory=cuda,
        logging_steps=1 / REPORTS,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        **_preference_terms(rows, config),
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # the base is on one, however many there are
    return arguments


def _preference_terms(rows: list[Row], config: TrainingConfig) -> dict[str, float]:
    """Return what only some losses know; liked and disliked answers weigh the same in all."""
    if config.update == "sft":
        return {}
    terms = {"beta": config.rated_beta}
    if config.update == "kto":
        liked = sum(row["label"] for row in rows)
        terms["desirable_weight"] = len(rows) / 2 / max(liked, 1)
        terms["undesirable_weight"] = len(rows) / 2 / max(len(rows) - liked, 1)
    return terms


def _batch(config: TrainingConfig) -> int:
    """Return examples in a gradient step; KTO measures its KL between those of one."""
    return max(config.rated_batch, 2) if config.update == "kto" else config.rated_batch


class _Listener(TrainerCallback):
    """Keeps every figure that TRL logs, and tells how far it is."""

    def __init__(self, name: str, report: Report) -> None:
        self._name = name.upper()
        self._report = report
        self.history: list[dict[str, float]] = []

    def on_log(  # type: ignore[override]
        self,
        args: TrainingArguments,  # noqa: ARG002 - as in the class above
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        logs: Mapping[str, float],
        **kwargs: Any,  # noqa: ANN401, ARG002
    ) -> None:
        """Hear of some steps; the last log sums up the run and has no `loss`."""
        if "loss" in logs:
            self.history.append({"step": state.global_step, **logs})
            line = f"{self._name} step {state.global_step} of {state.max_steps}: loss {logs['loss']:.3f}"
            self._report(state.global_step / state.max_steps, line)


class _Given:
    """A trainer that takes its rows as they are, and calls nobody."""

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:  # noqa: ANN401
        """TRL would render and tokenise here."""
        return dataset

    def _send_telemetry(self) -> None:
        """TRL would tell Hugging Face here what is trained on which machine."""


class _KTO(_Given, KTOTrainer):
    pass


class _DPO(_Given, DPOTrainer):
    pass


class _SFT(_Given, SFTTrainer):
    pass


def _kto_rows(policy: Policy, targets: Targets, config: TrainingConfig) -> list[Row]:
    """Return answers with their labels, each beside the answer to another question of its batch.

    In the order of training: from these mismatched answers TRL estimates the KL of a batch.
    """
    rows = []
    for opinion in opinions(targets):
        prompt, answer = _ids(policy, opinion.turns, config, opinion.answer)
        rows.append({"prompt_ids": prompt, "completion_ids": answer, "label": opinion.liked})
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(config.seed))
    for places in order.split(_batch(config)):
        for place, other in zip(places.tolist(), places.roll(1).tolist(), strict=True):
            rows[place]["KL_completion_ids"] = rows[other]["completion_ids"]
    return [rows[place] for place in order.tolist()]


def _dpo_rows(policy: Policy, targets: Targets, config: TrainingConfig) -> list[Row]:
    rows = []
    for pair in preferences(targets):
        prompt, chosen, rejected = _ids(policy, pair.turns, config, pair.chosen, pair.rejected)
        rows.append({"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected})
    return rows


def _sft_rows(policy: Policy, targets: Targets, config: TrainingConfig) -> list[Row]:
    """Return liked answers; the loss looks at what isn't labelled -100."""
    rows = []
    for opinion in (opinion for opinion in opinions(targets) if opinion.liked):
        prompt, answer = _ids(policy, opinion.turns, config, opinion.answer)
        rows.append({"input_ids": prompt + answer, "labels": [-100] * len(prompt) + answer})
    return rows


def _ids(
    policy: Policy, turns: list[Turn], config: TrainingConfig, *answers: Answer
) -> tuple[list[int], ...]:
    """Return the ids of the prompt, then those of each answer, as everywhere in training."""
    base = policy.base
    prompt = render(base.tokenizer, turns, config.max_prompt)
    return prompt, *(answer_ids(base, answer)[: config.max_answer] for answer in answers)


_ROWS = {"kto": _kto_rows, "dpo": _dpo_rows, "sft": _sft_rows}
_TRAINERS = {"kto": _KTO, "dpo": _DPO, "sft": _SFT}
_CONFIGS = {"kto": KTOConfig, "dpo": DPOConfig, "sft": SFTConfig}
