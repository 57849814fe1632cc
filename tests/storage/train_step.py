"""Run as a program: one step of TRL's trainers on exported files, with a tiny random model."""

import json
import sys
from pathlib import Path
from typing import Any

import datasets
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.kto_config import KTOConfig
from trl.trainer.kto_trainer import KTOTrainer
from trl.trainer.reward_config import RewardConfig
from trl.trainer.reward_trainer import RewardTrainer
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

TRAINERS: dict[str, list[tuple[Any, Any]]] = {
    "trl-preference": [(DPOTrainer, DPOConfig), (RewardTrainer, RewardConfig)],
    "trl-preference-implicit": [(RewardTrainer, RewardConfig)],
    "trl-unpaired": [(KTOTrainer, KTOConfig)],
    "trl-prompt-completion": [(SFTTrainer, SFTConfig)],
    "trl-language-modeling": [(SFTTrainer, SFTConfig)],
}


def main(folder: Path, model: str) -> None:
    """Print {format trainer: [loss, rows]}."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    losses = {}
    for name, trainers in TRAINERS.items():
        file = str(folder / f"{name}.jsonl")
        rows = datasets.load_dataset("json", data_files=file, split="train")
        for trainer, config in trainers:
            if trainer is RewardTrainer:
                network: Any = AutoModelForSequenceClassification.from_pretrained(
                    model, num_labels=1
                )
            else:
                network = AutoModelForCausalLM.from_pretrained(model)
            options = config(
                output_dir=str(folder / "out"),
                per_device_train_batch_size=2,
                max_steps=1,
                use_cpu=True,
                bf16=False,
                report_to="none",
                save_strategy="no",
                disable_tqdm=True,
            )
            done = trainer(
                model=network, args=options, train_dataset=rows, processing_class=tokenizer
            ).train()
            losses[f"{name} {trainer.__name__}"] = (done.training_loss, len(rows))
    sys.stderr.flush()
    sys.stdout.write(f"\n{json.dumps(losses)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
