"""One run of proximal policy optimisation over answers to people's prompts.

Schulman et al. 2017 (arXiv:1707.06347) with the choices of Ziegler et al. 2019 (arXiv:1909.08593)
and Huang et al. 2024 (arXiv:2403.17031): per-token KL to the base in the reward, generalised advantage
estimation with a value head, whitened advantages, a learning rate that falls to 0 in the second half
of the run, and prices in units of the scores' spread, so that they mean the same to a taste that is
rarely met.
Knows tensors and a `shares` function, not where scores come from.

Departures:
1. The policy's lower layers are frozen, run once for each answer and shared by policy, reference
   and value head.
2. The value head is linear on the reference's final states, so it never disturbs the policy.
3. The score is relative to the other candidates of its prompt, as in RLOO (Ahmadian et al. 2024,
   arXiv:2402.14740): a value head fresh in each cycle can't know yet which prompts are easy.
4. Saying the same three tokens again in an answer has a price too: few ratings teach a head some
   words, and the shortest way to a high score would be to go on repeating them. So has a pair of
   tokens that many answers of a rollout have: each may use a phrase once, and all sound the same.
5. The score doesn't wait for the last token. A linear head's score is a sum over tokens, so each
   token is rewarded with its own share of it (reward redistribution: Arjona-Medina et al. 2019,
   arXiv:1806.07857; for language models Chan et al. 2024, arXiv:2402.00782).
6. Before the first rollout the policy learns what the head says of each word, which needs no draw
   (`training.tilted`), and from the rated answers themselves (`training.rated`).
7. What surprises the base has a price beside KL, which a policy can also pay by being surer of odd
   words: so answers stay as natural as they were, nat for nat.
8. Now and then the policy sits an exam on questions that it doesn't practise. The best one stays, so
   a run that is too long is only slow. A policy out of bounds is drawn back within them, and leaving the
   base gets dearer.

Shapes: B answers, T tokens of prompt and answer, D hidden size.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from training import tilted
from training.advantages import masked_mean
from training.change import weight_change
from training.config import TrainingConfig
from training.course import Course
from training.experience import Experience, Learner, Units, gather, new_learner, state_values
from training.foresight import foresee
from training.policy import Policy, gradient_step
from training.prompts import Turn
from training.rated import RatedAnswers, warm_up
from training.rollout import Answers, draw, logprobs
from training.worths import Worths

TRIES = 4
"""Tilts, each closer to the base than the one before, until an exam finds one within its bounds."""
Shares = Callable[[Answers], Tensor]
"""Maps B answers to what each of their tokens adds to their scores, BT; a score is in 0..1."""
Report = Callable[[float, str], None]
"""Hears how much is done, 0..1, and in words what is being done."""


@dataclass(frozen=True)
class Stats:
    """One update in figures; KL and losses are means over answer tokens."""

    score: float
    kl: float  # to the base, nats per token
    surprise: float  # of the base at the answers, nats per token
    length: float
    ended: float
    approx_kl: float
    clipfrac: float
    entropy: float  # as the drawn tokens tell it, which takes no pass over the vocabulary
    ratio_max: float
    value_loss: float
    explained_variance: float
    grad_norm: float
    steps: int


@dataclass(frozen=True)
class Goal:
    """What the update works towards, and on what it practises."""

    shares: Shares
    prompts: list[list[Turn]]
    worths: Callable[[Answers], Worths]
    """What tokens are worth before they are drawn, beside those of rated answers."""
    surprise: float
    """Nats per token that the base's own answers surprise it."""
    course: Course
    """Exams on questions that aren't practised."""


def update(
    policy: Policy,
    goal: Goal,
    rated: RatedAnswers,
    config: TrainingConfig,
    report: Report,
) -> dict[str, Any]:
    """Move the policy towards higher scores and return how it went.

    The policy that stays is the best one that an exam saw, however long the run went on after it;
    the course has the others. Where none did better than what serves, it is the last one.

    Raises:
        NothingLearnt: no weight moved, or the weights are no longer finite.
        ValueError: there is nothing to answer.
    """
    if not goal.prompts:
        raise ValueError("PPO needs at least one prompt; people haven't asked anything yet.")
    before = policy.snapshot()
    generator = torch.Generator().manual_seed(config.seed)
    learner = new_learner(policy, config)
    course = goal.course
    tilting = _tilt(policy, goal, rated, config, report)
    report(_done(0, config), "learning from the rated answers")
    warmup = warm_up(policy, rated, config)
    history: list[Stats] = []
    stopped: str | None = None
    spread = 0.0
    for number in range(config.updates):
        # 1. Roll out: several candidates to each of some prompts that people asked.
        asked = [goal.prompts[i] for i in _picked(len(goal.prompts), config, generator)]
        answers, _ = draw(policy, asked, config)
        # 2. Score.
        shares_BT = goal.shares(answers).to(answers.mask_BT.device)
        # 3. Rewards with what they cost; 4. advantages.
        spread = spread or float(shares_BT.sum(1).std())
        units = Units(spread, goal.surprise, course.dearness)
        experience = gather(learner, answers, shares_BT, rated.ended_share, units)
        # 5. Several epochs of minibatches on the clipped objective.
        left = min(1.0, 2 - 2 * number / config.updates)
        learner.optimiser.param_groups[0]["lr"] = config.learning_rate * left
        stats = _optimise(learner, experience)
        # 6. Keep every figure; now and then look whether it still gets better.
        history.append(stats)
        line = (
            f"update {number + 1} of {config.updates}: reward {stats.score:.3f}, KL {stats.kl:.3f}"
        )
        report(_done(number + 1, config), line)
        if (number + 1) % config.exam_every == 0 or number + 1 == config.updates:
            stopped = course.look()
        if stopped:
            break
    course.take_best()
    return {
        "updates": len(history),
        "stopped": stopped or "all updates done",
        "exams": [asdict(exam) for exam in course.exams],
        "tilting": tilting,
        "warmup": warmup,
        "weight_change": weight_change(before, policy.snapshot(), "HITL_LEARNING_RATE"),
        "history": [asdict(s) for s in history],
    }


def _done(updates: int, config: TrainingConfig) -> float:
    """Return how much is done after so many updates; a tilt and its exam take as long as one."""
    tilts = TRIES if config.tilt_steps else 0
    return (tilts + updates) / (tilts + config.updates)


def _tilt(
    policy: Policy, goal: Goal, rated: RatedAnswers, config: TrainingConfig, report: Report
) -> list[list[float]]:
    """Begin at the base bent to what the head likes, as far as exams find that within bounds.

    Where that is no better than what serves, and this has room to get better, begin at this.
    """
    before, course, found = policy.snapshot(), goal.course, list[list[float]]()
    if not (config.tilt_steps and len(rated.answers)):
        return found
    worths = goal.worths(rated.answers)
    # Nothing is known of words where the host's function alone rewards, or the head is sure of none.
    if not worths.words_V.any():
        return found
    few = torch.randperm(len(rated.answers))[: config.tilt_steps * config.rated_batch]
    counts = config.tilt_ahead
    ahead = foresee(rated.answers, worths.said_BT * counts) if counts else None
    taught = tilted.see(policy, rated.answers.rows(few), ahead)
    held = tilted.see(policy, tilted.anchors(policy, config))
    while len(found) < TRIES and not course.passed:
        line = f"learning what words are worth, attempt {len(found) + 1} of at most {TRIES}"
        report(_done(len(found) - TRIES, config), line)
        policy.restore(before)
        bent = tilted.tilt(policy, taught, worths, _closer(config, course.dearness))
        found.append(tilted.learn(policy, taught, held, bent, config))
        course.exam()
    if not course.promising:
        policy.restore(before)
        course.dearness = 1.0  # what tilts cost says nothing of practice that begins without one
    return found


def _closer(config: TrainingConfig, dearness: float) -> TrainingConfig:
    """Return settings for a tilt that stays so much closer to the base, less sure of words too."""
    return replace(
        config,
        tilt_kl=config.tilt_kl / dearness,
        tilt_sharpness=1 + (config.tilt_sharpness - 1) / dearness,
    )


def _picked(prompts: int, config: TrainingConfig, generator: torch.Generator) -> list[int]:
    """Return which prompt each rollout answers; the candidates of one prompt are neighbours."""
    groups = max(1, config.rollouts // config.candidates)
    rounds = -(-groups // prompts)  # a prompt comes again only when all have come
    order = [
        i for _ in range(rounds) for i in torch.randperm(prompts, generator=generator).tolist()
    ]
    return [i for i in order[:groups] for _ in range(config.candidates)]


def _optimise(learner: Learner, experience: Experience) -> Stats:
    """Take gradient steps until the epochs are over or the policy has moved by `target_kl`."""
    config, figures = learner.config, list[dict[str, float]]()
    generator = torch.Generator().manual_seed(int(torch.randint(2**31, ())))
    for rows in _minibatches(len(experience.answers), config, generator):
        loss, figure = _ppo_loss(learner, experience, rows)
        figure["grad_norm"] = gradient_step(
            learner.optimiser, loss, learner.trained, config.grad_norm
        )
        figures.append(figure)
        if figure["approx_kl"] > config.target_kl:
            break
    return _stats(experience, figures)


def _minibatches(size: int, config: TrainingConfig, generator: torch.Generator) -> Iterator[Tensor]:
    for _ in range(config.epochs):
        yield from torch.randperm(size, generator=generator).split(config.minibatch)


def _ppo_loss(
    learner: Learner, experience: Experience, rows: Tensor
) -> tuple[Tensor, dict[str, float]]:
    """Return the clipped surrogate plus the clipped value loss of one minibatch."""
    config, answers = learner.config, experience.answers.rows(rows)
    mask, width = answers.mask_BT, answers.mask_BT.shape[1]

    def cut(full_BT: Tensor) -> Tensor:
        return full_BT[rows, :width]

    new_BT, _ = logprobs(learner.policy, answers)
    log_ratio_BT = (new_BT - cut(experience.logprobs_BT)) * mask
    ratio_BT = log_ratio_BT.exp()
    advantages_BT = cut(experience.advantages_BT)
    clipped_BT = ratio_BT.clamp(1 - config.clip, 1 + config.clip)
    surrogate_BT = torch.minimum(ratio_BT * advantages_BT, clipped_BT * advantages_BT)
    values_BT = state_values(learner.value_head, experience.states_BTD[rows, : width - 1])
    value_loss = _value_loss(
        values_BT, cut(experience.values_BT), cut(experience.returns_BT), mask, config.clip
    )
    loss = -masked_mean(surrogate_BT, mask) + config.vf_coef * value_loss
    with torch.no_grad():
        figure = {
            "approx_kl": float(masked_mean(ratio_BT - 1 - log_ratio_BT, mask)),
            "clipfrac": float(masked_mean(((ratio_BT - 1).abs() > config.clip).float(), mask)),
            "entropy": -float(masked_mean(ratio_BT * new_BT, mask)),
            "ratio_max": float(ratio_BT[mask].max()),
            "value_loss": float(value_loss),
        }
    return loss, figure


def _value_loss(
    values_BT: Tensor, old_BT: Tensor, returns_BT: Tensor, mask_BT: Tensor, clip: float
) -> Tensor:
    clipped_BT = old_BT + (values_BT - old_BT).clamp(-clip, clip)
    worst_BT = torch.maximum((values_BT - returns_BT).square(), (clipped_BT - returns_BT).square())
    return 0.5 * masked_mean(worst_BT, mask_BT)


def _stats(experience: Experience, figures: list[dict[str, float]]) -> Stats:
    """Average the minibatches' figures and add what the rollout itself was like."""
    mean = {k: sum(f[k] for f in figures) / len(figures) for k in figures[0]}
    mean["ratio_max"] = max(f["ratio_max"] for f in figures)
    mask = experience.answers.mask_BT
    returns, values = experience.returns_BT[mask], experience.values_BT[mask]
    spread = returns.var() if returns.numel() > 1 else returns.new_zeros(())
    explained = 1 - float((returns - values).var() / spread) if spread > 1e-12 else 0.0
    return Stats(
        score=float(experience.scores_B.mean()),
        kl=float(masked_mean(experience.logprobs_BT - experience.reference_BT, mask)),
        surprise=-float(masked_mean(experience.reference_BT, mask)),
        length=float(mask.sum(1).float().mean()),
        ended=float(experience.answers.ended_B.float().mean()),
        explained_variance=explained,
        steps=len(figures),
        **mean,
    )
