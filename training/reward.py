"""What an answer is worth to the update and the gate: the reward head's score, the host's, or both.

Knows answers and scores, not who rated what.
"""

import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from training.config import ConfigError
from training.policy import Base
from training.reward_head import RewardHead
from training.rollout import Answers, token_features
from training.worths import Worths, worths

RewardFunction = Callable[[str, str], float]
"""Maps the last question and an answer to 0..1."""


class RewardFunctionFailed(RuntimeError):
    """The host's own reward function gave no usable number; the cycle ends with this line."""


@dataclass(frozen=True)
class Reward:
    """The head's cautious score, mixed with the host's own function: `share` of it is the host's."""

    base: Base
    head: RewardHead
    own: RewardFunction | None = None
    share: float = 0.0

    def score(self, answers: Answers) -> Tensor:
        """Return what each of B answers is worth."""
        scores_B = self.head.score(answers.features_BF)
        if self.own is None:
            return scores_B
        return (1 - self.share) * scores_B + self.share * _asked(self.own, answers)

    def worths(self, rated: Answers) -> Worths:
        """Return what tokens are worth before they are drawn, beside those of rated answers."""
        share = 1 - self.share if self.own else 1.0
        return worths(self.head, self.base, rated, share)

    def shares(self, answers: Answers) -> Tensor:
        """Return what each token adds to its answer's worth, BT; the host's part falls evenly."""
        tokens_BTF = token_features(self.base, answers.ids_BT, answers.trunk_BTD)
        mask_BT = answers.mask_BT.cpu()
        shares_BT = self.head.shares(answers.features_BF, tokens_BTF, mask_BT)
        if self.own is None:
            return shares_BT
        each_B = self.share * _asked(self.own, answers) / mask_BT.sum(1).clamp_min(1)
        return (1 - self.share) * shares_BT + mask_BT * each_B[:, None]


def load_function(where: str) -> RewardFunction:
    """Load the host's `FILE.py:FUNCTION`. It runs with all rights of the trainer.

    Raises:
        ConfigError: no such file or function.
    """
    file, _, name = where.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise ConfigError(
            f"HITL_REWARD_FUNCTION is '{where}', where no file is. Use FILE.py:FUNCTION."
        )
    spec = importlib.util.spec_from_file_location("host_reward", path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"HITL_REWARD_FUNCTION: '{path}' is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = getattr(module, name, None)
    if not callable(found):
        raise ConfigError(f"HITL_REWARD_FUNCTION: '{path}' has no function '{name}'.")
    return found  # type: ignore[no-any-return]


def _asked(own: RewardFunction, answers: Answers) -> Tensor:
    scores = []
    for turns, text in zip(answers.turns, answers.texts, strict=True):
        score: object = own(turns[-1]["content"], text)
        if not isinstance(score, int | float) or not math.isfinite(score) or not 0 <= score <= 1:
            raise RewardFunctionFailed(
                f"HITL_REWARD_FUNCTION returned {score!r}. Return a number from 0 to 1."
            )
        scores.append(float(score))
    return torch.tensor(scores)
