"""The product's PPO update, measured in this process; `benchmarks.update` starts it."""

import os
import resource
import sys
import time

import torch

from benchmarks.exams import prompts
from benchmarks.simulate import tell
from storage.home import Home
from training import ppo
from training.base import load_base, quick_dtype
from training.config import TrainingConfig
from training.course import Course, Exam
from training.gguf import wanted
from training.policy import Policy
from training.prompts import Answer
from training.rated import rated_answers
from training.rollout import Answers, given
from training.worths import Worths

ANSWERS, TOKENS, EPOCHS, PROMPTS = 32, 48, 2, 64
WARM_UP = 1
"""Updates before the one that counts."""


def evenly(answers: Answers) -> torch.Tensor:
    """Reward every token alike; what a score is costs next to nothing on either side."""
    return answers.mask_BT.cpu() / TOKENS


def main() -> int:
    """Print seconds of an update and the peak memory of the process."""
    home = Home.from_env(os.environ)
    config = TrainingConfig(
        rollouts=ANSWERS,
        max_answer=TOKENS,
        epochs=EPOCHS,
        updates=WARM_UP + 1,
        exam_every=1_000,
        tilt_steps=0,
        rated_epochs=0,
        target_kl=10.0,  # all steps are taken
    )
    base = load_base(wanted(os.environ), home, quick_dtype())
    policy = Policy(base, config)
    asked = [[{"role": "user", "content": prompt}] for prompt in prompts(0, PROMPTS)[1]]
    answers = given(policy, [(asked[0], Answer("Yes.")), (asked[1], Answer("No."))], config)
    rated = rated_answers(policy, answers, torch.tensor([1.0, 0.0]), torch.ones(2))
    none = Worths(torch.zeros(1), torch.zeros(1), torch.zeros(1, 1))
    none_sat = Exam(0.0, ["none is sat"])
    course = Course(policy, lambda: none_sat, patience=1, served=none_sat)
    goal = ppo.Goal(evenly, asked, lambda _: none, 1.0, course)
    ended: list[float] = []
    ppo.update(policy, goal, rated, config, lambda *_: ended.append(time.monotonic()))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    tell(seconds=round(ended[-1] - ended[-2], 2), peak_mb=round(peak))
    return 0


if __name__ == "__main__":
    sys.exit(main())
