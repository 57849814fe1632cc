"""TRL 1.12's PPO trainer on the same work, measured in this process; `benchmarks.update` starts it.

As its documentation has it: a policy with LoRA in all linear layers, whose reference is the same model
without, and a value and a reward model of the same size.
"""

import importlib
import os
import resource
import sys
import tempfile
import time
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, TrainerCallback

from benchmarks.exams import prompts
from benchmarks.simulate import tell
from benchmarks.update_ours import ANSWERS, EPOCHS, PROMPTS, TOKENS, WARM_UP
from storage.home import Home
from training.base import load_base, quick_dtype
from training.gguf import wanted
from training.prompts import render

MINIBATCH = 16


class Clock(TrainerCallback):
    """Notes when each update ended."""

    def __init__(self) -> None:
        self.ended: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - transformers' own
        """Note it."""
        self.ended.append(time.monotonic())


def main() -> int:
    """Print seconds of an update and the peak memory of the process."""
    ppo: Any = importlib.import_module("trl.experimental.ppo")
    home, clock = Home.from_env(os.environ), Clock()
    base = load_base(wanted(os.environ), home, quick_dtype())
    source, tokenizer = str(base.model.name_or_path), base.tokenizer
    del base
    tokenizer.padding_side = "left"
    asked = [
        {"input_ids": render(tokenizer, [{"role": "user", "content": prompt}], 512)}
        for prompt in prompts(0, PROMPTS)[1]
    ]
    model = AutoModelForCausalLM.from_pretrained(source, dtype=quick_dtype())
    value, reward = (
        AutoModelForSequenceClassification.from_pretrained(
            source, num_labels=1, dtype=quick_dtype(), pad_token_id=tokenizer.pad_token_id
        )
        for _ in range(2)
    )
    with tempfile.TemporaryDirectory() as folder:
        trainer = ppo.PPOTrainer(
            args=ppo.PPOConfig(
                output_dir=folder,
                report_to=[],
                use_cpu=not torch.cuda.is_available(),
                per_device_train_batch_size=MINIBATCH,
                gradient_accumulation_steps=ANSWERS // MINIBATCH,
                num_mini_batches=ANSWERS // MINIBATCH,
                local_rollout_forward_batch_size=ANSWERS,
                num_ppo_epochs=EPOCHS,
                response_length=TOKENS,
                total_episodes=ANSWERS * (WARM_UP + 1),
                num_sample_generations=0,
                save_strategy="no",
                stop_token="eos",  # noqa: S106 - not a password
                temperature=0.7,
            ),
            processing_class=tokenizer,
            model=model,
            ref_model=None,
            reward_model=reward,
            value_model=value,
            train_dataset=Dataset.from_list(asked),
            eval_dataset=Dataset.from_list(asked),
            callbacks=[clock],
            peft_config=LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM"),
        )
        trainer.train()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    tell(seconds=round(clock.ended[-1] - clock.ended[-2], 2), peak_mb=round(peak))
    return 0


if __name__ == "__main__":
    sys.exit(main())
