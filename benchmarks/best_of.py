"""How far the reward head alone gets: the best by its word of several answers of the bare base.

Nothing is trained, so it bounds what choosing among the base's own answers can give. An update may go
further, towards answers that the base hardly ever gives. Knows no people and no adapter.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace

import torch

from benchmarks.minds import Taste
from storage.home import Home
from training import heads
from training.base import load_base, quick_dtype
from training.config import TrainingConfig
from training.gguf import wanted
from training.named import ask
from training.policy import Policy
from training.prompts import Turn
from training.rollout import draw


def best_of(
    number: int, taste: Taste, prompts: Sequence[str], env: Mapping[str, str]
) -> list[float] | None:
    """Return the true score of the best of `number` answers to each prompt.

    None where no cycle has fitted a head yet.
    """
    home, config = Home.from_env(env), TrainingConfig.from_env(env)
    try:
        head, reading = heads.load(home.head)
    except heads.NoHead:
        return None
    base = load_base(wanted(env), home, quick_dtype())
    layers = int(base.model.config.num_hidden_layers) - reading.frozen
    asked: list[list[Turn]] = [[{"role": "user", "content": prompt}] for prompt in prompts]
    torch.manual_seed(config.seed)
    with closing(Policy(base, replace(config, lora_layers=max(1, layers)))) as policy:
        answers, _ = draw(policy, [turns for turns in asked for _ in range(number)], config)
    best = head.score(answers.features_BF).reshape(-1, number).argmax(1).tolist()
    texts = [answers.texts[row * number + place] for row, place in enumerate(best)]
    return [ask(taste, prompt, text) for prompt, text in zip(prompts, texts, strict=True)]
