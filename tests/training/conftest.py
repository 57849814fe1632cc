"""A policy on the tiny random model."""

from pathlib import Path

import pytest
import torch

from storage.home import Home
from training.base import Base, load_base
from training.config import TrainingConfig
from training.policy import Policy


@pytest.fixture
def base(tiny_model: Path, home: Home) -> Base:
    torch.manual_seed(0)
    return load_base(str(tiny_model), home)


@pytest.fixture
def config() -> TrainingConfig:
    """Small enough for a test; one of two layers is adapted."""
    return TrainingConfig(
        lora_rank=4,
        lora_layers=1,
        max_answer=8,
        rollouts=8,
        minibatch=4,
        updates=2,
        tilt_steps=0,
        gate_prompts=6,
        learning_rate=1e-2,
    )


@pytest.fixture
def policy(base: Base, config: TrainingConfig) -> Policy:
    return Policy(base, config)
