"""What a taste truly thinks of answers to prompts that nobody rates. Knows no thumb and no crowd."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.minds import Taste
from benchmarks.visits import AT_ONCE, Answer, Visit
from training.named import ask

PROMPTS = Path(__file__).parent / "prompts.txt"


def prompts(seed: int, unseen: int) -> tuple[list[str], list[str]]:
    """Return (prompts to rate, prompts that nobody rates), shuffled by `seed`."""
    lines = [line for line in PROMPTS.read_text(encoding="utf-8").splitlines() if line]
    random.Random(seed).shuffle(lines)
    return lines[unseen:], lines[:unseen]


def examine(
    visit: Visit, taste: Taste, prompts: Sequence[str], samples: int = 1
) -> tuple[list[float], list[Answer]]:
    """Return each prompt's true score, the mean over `samples` answers, and all the answers.

    The answers to one prompt follow each other. Nothing is rated.
    """
    asked = [prompt for prompt in prompts for _ in range(samples)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(visit.ask, asked))
    single = [ask(taste, p, a.text) for p, a in zip(asked, answers, strict=True)]
    scores = [sum(single[i : i + samples]) / samples for i in range(0, len(single), samples)]
    return scores, answers


def wins(after: Sequence[float], before: Sequence[float]) -> float:
    """Return the share of prompts answered better than before; ties count half."""
    return sum((a > b) + 0.5 * (a == b) for a, b in zip(after, before, strict=True)) / len(after)
