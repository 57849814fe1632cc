"""Candidate against served: a verdict with its reasons.

Both answer the same held-out prompts; the candidate must be liked more and still sound like the
base model. Knows neither how the candidate was made nor what happens to the verdict.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from training import canaries
from training.config import TrainingConfig
from training.policy import Policy
from training.prompts import Turn
from training.rollout import CHUNK, Answers, draw, logprobs

Score = Callable[[Answers], Tensor]
Z = 1.645
"""Standard deviations that hold 90% of a normal distribution."""


@dataclass(frozen=True)
class Sample:
    """How one adapter answered: scores per prompt, and figures over all answers."""

    scores: list[float]
    kl: float  # to the base, nats per token
    length: float  # answer tokens
    repetition: float  # share of 4-grams that came before in the same answer
    distinct2: float  # distinct bigrams over bigrams
    canaries: dict[str, float]  # margin of the right answer by question


@dataclass(frozen=True)
class Verdict:
    """Whether the candidate may serve, why, and the figures behind it."""

    promote: bool
    reasons: list[str]
    figures: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as plain values."""
        return asdict(self)


def sample(
    policy: Policy, prompts: Sequence[list[Turn]], score: Score, config: TrainingConfig
) -> Sample:
    """Answer the prompts, with the same seed for every adapter."""
    torch.manual_seed(config.seed)
    answers = draw(policy, prompts, config)
    return Sample(
        scores=score(answers).tolist(),
        kl=_kl(policy, answers),
        length=float(answers.mask_BT.sum(1).float().mean()),
        repetition=sum(map(repetition, answers.texts)) / len(answers),
        distinct2=distinct2(answers.texts),
        canaries=canaries.margins(policy, config),
    )


def judge(
    candidate: Sample, served: Sample, config: TrainingConfig, length_wanted: float = 1.0
) -> Verdict:
    """Compare two samples of the same prompts. Every bound that is left is a reason to refuse.

    The bounds on length give way as far as people's own ratings ask for it: `length_wanted` is how
    long liked answers are beside all rated ones.
    """
    wins = win_rate(candidate.scores, served.scores)
    surely = lower_bound(wins, len(candidate.scores))
    gain = _mean(candidate.scores) - _mean(served.scores)
    length = candidate.length / max(served.length, 1e-9)
    distinct = candidate.distinct2 / max(served.distinct2, 1e-9)
    repeated = candidate.repetition - served.repetition
    lost = canaries.lost(candidate.canaries, served.canaries)
    low = config.gate_length_low * min(1.0, length_wanted)
    high = config.gate_length_high * max(1.0, length_wanted)
    checks = [
        (
            surely > 0.5 and gain > 0,
            f"Held-out reward: wins {wins:.0%} of {len(candidate.scores)} (surely {surely:.0%}; "
            f"above 50% is needed) against the served version, "
            f"{_mean(served.scores):.3f} to {_mean(candidate.scores):.3f}.",
        ),
        (
            math.isfinite(candidate.kl) and candidate.kl <= config.gate_kl,
            f"KL to the base is {candidate.kl:.3f} nats per token; at most {config.gate_kl:g}.",
        ),
        (low <= length <= high, f"Answers are {length:.2f}x as long; {low:.2f} to {high:.2f}."),
        (
            distinct >= config.gate_distinct,
            f"Distinct bigrams are {distinct:.2f}x; at least {config.gate_distinct:g}.",
        ),
        (
            repeated <= config.gate_repeat,
            f"Repetition changed by {repeated:+.2f}; at most +{config.gate_repeat:g}.",
        ),
        (not lost, f"Canary questions lost: {', '.join(lost) or 'none'}."),
    ]
    promote = all(passed for passed, _ in checks)
    reasons = [text for passed, text in checks if passed == promote]
    figures = {
        "prompts": len(candidate.scores),
        "win_rate": wins,
        "win_rate_low": surely,
        "gain": gain,
        "kl": candidate.kl,
        "length_ratio": length,
        "distinct2_ratio": distinct,
        "repetition_change": repeated,
        "canaries_lost": lost,
    }
    return Verdict(promote, reasons, figures)


def win_rate(candidate: Sequence[float], served: Sequence[float]) -> float:
    """Return the share of prompts on which the candidate scores higher; ties count half."""
    pairs = list(zip(candidate, served, strict=True))
    return sum((c > s) + 0.5 * (c == s) for c, s in pairs) / len(pairs)


def lower_bound(share: float, number: int) -> float:
    """Return the lower end of the 90% interval of a share (Wilson 1927)."""
    middle = share + Z**2 / (2 * number)
    spread = Z * math.sqrt(share * (1 - share) / number + Z**2 / (4 * number**2))
    return (middle - spread) / (1 + Z**2 / number)


def repetition(text: str) -> float:
    """Return the share of an answer's 4-grams that it had already used."""
    words = text.split()
    grams = list(zip(words, words[1:], words[2:], words[3:], strict=False))
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def distinct2(texts: Sequence[str]) -> float:
    """Return distinct word bigrams over all word bigrams (Li et al. 2016, arXiv:1510.03055)."""
    grams = [gram for text in texts for gram in pairwise(text.split())]
    return len(set(grams)) / len(grams) if grams else 0.0


@torch.no_grad()
def _kl(policy: Policy, answers: Answers) -> float:
    gap = tokens = 0.0
    for part in torch.arange(len(answers)).split(CHUNK):
        rows = answers.rows(part)
        new_BT, _, _ = logprobs(policy, rows)
        with policy.as_reference():
            reference_BT, _, _ = logprobs(policy, rows)
        gap += float((new_BT - reference_BT).sum())
        tokens += float(rows.mask_BT.sum())
    return gap / max(tokens, 1.0)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
