"""Candidate against served: a verdict with its reasons.

Both answer the same held-out prompts; the candidate must be liked more and still sound like the
base model. Knows neither how the candidate was made nor what happens to the verdict.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from statistics import mean
from typing import Any

import torch
from torch import Tensor

from training import canaries
from training.config import TrainingConfig
from training.form import words
from training.policy import Policy
from training.prompts import Turn
from training.rollout import CHUNK, Answers, draw, logprobs
from training.wins import surely_won, wins

Score = Callable[[Answers], Tensor]


@dataclass(frozen=True)
class Sample:
    """How one adapter answered: a score for each answer, and figures over all of them."""

    scores: list[float]
    asked: list[int]  # the question of each; answers to one aren't independent
    texts: list[str]
    kl: float  # to the base, nats per token
    surprise: float  # of the base at the answers, nats per token
    length: float  # answer tokens
    repetition: float  # share of 4-grams that came before in the same answer
    distinct2: float  # distinct bigrams over bigrams
    canaries: dict[str, float] = field(default_factory=dict)  # margin of the right answer

    @property
    def score(self) -> float:
        """Mean of the scores."""
        return sum(self.scores) / len(self.scores)


@dataclass(frozen=True)
class Check:
    """One bound: whether it is kept, and a sentence with its figures."""

    passed: bool
    text: str


@dataclass(frozen=True)
class Lengths:
    """How far people's own ratings ask for other lengths, as ratios to what they rate now."""

    low: float
    high: float


AS_LONG = Lengths(1.0, 1.0)


@dataclass(frozen=True)
class Yardstick:
    """What a candidate is measured by: the version that serves, and the bare base.

    Against the base, or each cycle might stray a little further from it.
    """

    served: Sample
    base: Sample
    lengths: Lengths = AS_LONG

    def usual_length(self, config: TrainingConfig) -> float:
        """Return what lengths are held against: the base's, unless people asked for others."""
        served, base = self.served.length, self.base.length
        near = config.gate_length_low <= _ratio(served, base) <= config.gate_length_high
        return base if near and self.lengths == AS_LONG else served

    def lost(self, candidate: Sample) -> list[str]:
        """Return the canary questions that a candidate has lost."""
        return canaries.lost(candidate.canaries, self.served.canaries, self.base.canaries)


@dataclass(frozen=True)
class Verdict:
    """Whether the candidate may serve, why, and the figures behind it."""

    promote: bool
    reasons: list[str]
    figures: dict[str, Any]
    better: bool = False
    """Whether it is surely liked more than what serves, promoted or not."""

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as plain values."""
        return asdict(self)


def sample(
    policy: Policy, prompts: Sequence[list[Turn]], score: Score, config: TrainingConfig
) -> Sample:
    """Answer the prompts, with the same seed for every adapter. The canaries are asked apart."""
    gpus = [policy.base.device] if policy.base.device.type == "cuda" else []
    with torch.random.fork_rng(gpus):  # else practice after an exam would draw the same again
        torch.manual_seed(config.seed)
        answers, logprob_B = draw(policy, prompts, config)
    tokens = max(float(answers.mask_BT.sum()), 1.0)
    own, base = -float(logprob_B.sum()) / tokens, _surprise(policy, answers) / tokens
    return Sample(
        scores=score(answers).tolist(),
        asked=[prompts.index(turns) for turns in prompts],
        texts=answers.texts,
        kl=base - own,
        surprise=base,
        length=float(answers.mask_BT.sum(1).float().mean()),
        repetition=sum(map(repetition, answers.texts)) / len(answers),
        distinct2=distinct2(answers.texts),
    )


def together(samples: Sequence[Sample]) -> Sample:
    """Return several rounds of answers to the same prompts as one sample, of all their scores.

    Figures are means of theirs, as variety can't be compared between fewer answers and more.
    """
    figures = ("kl", "surprise", "length", "repetition", "distinct2")
    means = {name: mean(getattr(one, name) for one in samples) for name in figures}
    return Sample(
        [score for one in samples for score in one.scores],
        [asked for one in samples for asked in one.asked],
        [text for one in samples for text in one.texts],
        **means,
    )


def judge(candidate: Sample, yardstick: Yardstick, config: TrainingConfig) -> Verdict:
    """Compare samples of the same prompts. Every bound that is left is a reason to refuse."""
    served = yardstick.served
    won = wins(candidate.scores, served.scores, candidate.asked)
    share, surely = mean(won), surely_won(won, candidate.asked)
    gain = candidate.score - served.score
    better = Check(
        surely > 0.5 and gain > 0,
        f"Held-out reward: wins {share:.0%} of {len(won)} answers to {len(set(candidate.asked))} "
        f"questions (surely {surely:.0%}; above 50% is needed) against the served version, "
        f"{served.score:.3f} to {candidate.score:.3f}.",
    )
    checks = [better, *manners(candidate, yardstick, config)]
    promote = all(check.passed for check in checks)
    figures = {
        "prompts": len(won),
        "questions": len(set(candidate.asked)),
        "win_rate": share,
        "win_rate_low": surely,
        "gain": gain,
        "kl": candidate.kl,
        "surprise_ratio": _ratio(candidate.surprise, yardstick.base.surprise),
        "length_ratio": _ratio(candidate.length, yardstick.usual_length(config)),
        "distinct2_ratio": _ratio(candidate.distinct2, yardstick.base.distinct2),
        "repetition_change": candidate.repetition - yardstick.base.repetition,
        "canaries_lost": yardstick.lost(candidate),
    }
    return Verdict(promote, [c.text for c in checks if c.passed == promote], figures, better.passed)


def manners(
    candidate: Sample, yardstick: Yardstick, config: TrainingConfig, room: float = 1.0
) -> list[Check]:
    """Check that a candidate still talks and knows as before, however much it is liked.

    `room` is the share of each bound's room that it may use; of a ratio's, in logarithms.
    """
    base, lengths = yardstick.base, yardstick.lengths
    surprise = _ratio(candidate.surprise, base.surprise)
    length = _ratio(candidate.length, yardstick.usual_length(config))
    # Where the base answers in single words, none of its answers has a pair of them.
    distinct = _ratio(candidate.distinct2, base.distinct2) if base.distinct2 else 1.0
    repeated = candidate.repetition - base.repetition
    furthest, strangest = room * config.gate_kl, config.gate_surprise**room
    low = config.gate_length_low**room * lengths.low
    high = config.gate_length_high**room * lengths.high
    fewest, most = config.gate_distinct**room, room * config.gate_repeat
    lost = yardstick.lost(candidate)
    return [
        Check(
            math.isfinite(candidate.kl) and candidate.kl <= furthest,
            f"KL to the base is {candidate.kl:.3f} nats per token; at most {furthest:g}.",
        ),
        Check(
            surprise <= strangest,
            f"The base is {surprise:.2f}x as surprised; at most {strangest:.3g}.",
        ),
        Check(
            low <= length <= high, f"Answers are {length:.2f}x as long; {low:.2f} to {high:.2f}."
        ),
        Check(
            distinct >= fewest,
            f"Distinct bigrams are {distinct:.2f}x; at least {fewest:.3g}.",
        ),
        Check(repeated <= most, f"Repetition changed by {repeated:+.2f}; at most +{most:g}."),
        Check(not lost, f"Canary questions lost: {', '.join(lost) or 'none'}."),
    ]


def repetition(text: str) -> float:
    """Return the share of an answer's 4-grams that it had already used."""
    said = words(text)
    grams = list(zip(said, said[1:], said[2:], said[3:], strict=False))
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def distinct2(texts: Sequence[str]) -> float:
    """Return distinct word bigrams over all word bigrams (Li et al. 2016, arXiv:1510.03055)."""
    grams = [gram for text in texts for gram in pairwise(words(text))]
    return len(set(grams)) / len(grams) if grams else 0.0


@torch.no_grad()
def _surprise(policy: Policy, answers: Answers) -> float:
    """Return how surprised the base is at all the answers, in nats."""
    with policy.as_reference():
        parts = [answers.rows(part) for part in torch.arange(len(answers)).split(CHUNK)]
        return -sum(float(logprobs(policy, part)[0].sum()) for part in parts)


def _ratio(new: float, old: float) -> float:
    return new / max(old, 1e-9)
