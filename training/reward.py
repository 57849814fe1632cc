"""What an answer is worth to the update and the gate: the reward head's score, the host's, or both.

Knows answers and scores, not who rated what.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from training import named
from training.base import Base
from training.config import ConfigError
from training.reward_head import RewardHead
from training.rollout import Answers, token_features
from training.worths import Worths, worths


class RewardFunctionFailed(RuntimeError):
    """The host's own reward function gave no usable number; the cycle ends with this line."""


@dataclass(frozen=True)
class Reward:
    """The head's cautious score, mixed with the host's own function: `share` of it is the host's."""

    base: Base
    head: RewardHead
    own: named.Function | None = None
    share: float = 0.0

    @property
    def hears_people(self) -> bool:
        """Whether what people said counts at all, or the host's function alone does."""
        return self.own is None or self.share < 1

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


def load_function(where: str) -> named.Function:
    """Load the host's `FILE.py:FUNCTION`. It runs with all rights of the trainer.

    Raises:
        ConfigError: no such file or function.
    """
    try:
        return named.load(where)
    except named.Unusable as error:
        raise ConfigError(f"HITL_REWARD_FUNCTION: {error}") from error


def _asked(own: named.Function, answers: Answers) -> Tensor:
    try:
        return torch.tensor(
            [
                named.ask(own, turns[-1]["content"], text)
                for turns, text in zip(answers.turns, answers.texts, strict=True)
            ]
        )
    except named.Unusable as error:
        raise RewardFunctionFailed(f"HITL_REWARD_FUNCTION: {error}") from error
