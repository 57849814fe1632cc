"""One cycle: mark, targets, fit, update, gate, publish. Every outcome is written to its row.

Knows the order of the steps and what ends them early, not when a cycle is due.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import torch
from sqlalchemy.orm import Session
from torch import Tensor

from storage import adapters as versions
from storage import cycles, feedback, transcripts
from storage.database import Database
from storage.home import Home
from storage.models import BASE_VERSION
from storage.transcripts import Transcript
from training import examples, gate, ppo, reward_head, targets
from training.adapters import publish, sweep, verify
from training.change import NothingLearnt
from training.config import TrainingConfig
from training.manifest import AdapterError
from training.policy import Base, Policy
from training.rated import RatedAnswers, rated_answers
from training.rollout import Answers, given, token_features
from training.targets import Targets, TooLittle

Report = Callable[[str, float, str], None]
"""Called with phase, progress of the phase from 0 to 1, and a line for people."""

PHASES = ("mark", "targets", "fit", "update", "gate", "publish")
ENOUGH_HELDOUT = 5
"""Liked and disliked held-out answers below which the head's AUC says nothing."""


@dataclass(frozen=True)
class Workshop:
    """What a cycle works with."""

    database: Database
    home: Home
    base: Base
    config: TrainingConfig


@dataclass(frozen=True)
class Outcome:
    """What came of a cycle, as plain values."""

    cycle: int
    status: str
    version: str | None = None
    counts: dict[str, Any] | None = None
    reward: dict[str, Any] | None = None
    ppo: dict[str, Any] | None = None
    verdict: dict[str, Any] | None = None
    error: str | None = None


def run(shop: Workshop, report: Report) -> Outcome:
    """Run one cycle on everything said so far.

    Raises whatever went wrong, after it was written to the cycle's row.
    """
    report("mark", 0.0, "freezing the feedback")
    cycle = shop.database.write(lambda s: cycles.open_cycle(s, feedback.mark(s)))
    with shop.database.read() as session:
        known = {a.version for a in versions.versions(session)}
    sweep(shop.home.adapters, known)  # what a killed trainer left half published

    def advance(phase: str, progress: float, detail: str) -> None:
        shop.database.write(lambda s: cycles.advance(s, cycle.id, phase, progress, detail))
        report(phase, progress, detail)

    try:
        outcome = _attempt(shop, cycle.id, cycle.mark, advance)
    except TooLittle as reason:
        outcome = Outcome(cycle.id, "skipped", error=str(reason))
        _close(shop, outcome)
    except Exception as error:
        # Not hidden: it goes into the journal and on to the caller.
        _close(shop, Outcome(cycle.id, "failed", error=f"{type(error).__name__}: {error}"))
        raise
    return outcome


def _close(shop: Workshop, outcome: Outcome) -> None:
    shop.database.write(lambda s: _record(s, outcome))


def _record(session: Session, outcome: Outcome) -> None:
    values = asdict(outcome)
    cycle, status = values.pop("cycle"), values.pop("status")
    cycles.close(session, cycle, status, **values)


def _attempt(shop: Workshop, cycle: int, mark: int, report: Report) -> Outcome:
    config = replace(shop.config, seed=shop.config.seed + cycle)
    torch.manual_seed(config.seed)
    report("targets", 0.0, "reading the feedback")
    with shop.database.read() as session:
        found = targets.build(read(session, mark))
        served = versions.served(session)
    train, heldout = targets.split(found, config.heldout_share)
    counts = _counts(train, heldout)
    _check_enough(train, config)

    parent, folder = _parent(shop, served, report)
    policy = Policy(shop.base, config, folder)
    with closing(policy):
        report("fit", 0.0, f"fitting the reward head on {train.labels} labels")
        head, metrics = _fit(policy, train, heldout, config)
        done = Outcome(cycle, "refused", parent, counts, metrics)
        if metrics["auc"] is not None and metrics["trusted"] and metrics["auc"] < 0.5:
            reason = f"The reward head ranks unseen answers worse than chance (AUC {metrics['auc']:.2f})."
            done = replace(done, verdict=gate.Verdict(False, [reason], {}).as_json())  # noqa: FBT003
            _close(shop, done)
            return done

        def score(answers: Answers) -> Tensor:
            return head.score(answers.features_BF)

        def shares(answers: Answers) -> Tensor:
            features_BTF = token_features(shop.base, answers.ids_BT, answers.trunk_BTD)
            return head.shares(features_BTF, answers.mask_BT.cpu())

        contest = _contest(heldout, train, config)
        report("fit", 0.5, "answering held-out questions with the served version")
        before = gate.sample(policy, contest, score, config)
        result = _update(policy, shares, train, config, report)
        report("gate", 0.0, "answering held-out questions with the candidate")
        after = gate.sample(policy, contest, score, config)
        verdict = gate.judge(after, before, config, targets.length_wanted(train))
        if verdict.figures["kl"] == before.kl:
            raise NothingLearnt("The candidate answers exactly as the served version does.")
        done = replace(done, ppo=result, verdict=verdict.as_json())
        if not verdict.promote:
            _close(shop, done)
            return done
        return _promote(shop, policy, replace(done, status="promoted"), parent, report)


def read(session: Session, mark: int) -> Iterator[Transcript]:
    """Read the conversations that hold feedback, with what was said up to `mark`."""
    for transcript in transcripts.read_rated(session):
        said = [f for f in transcript.feedback if f.id <= mark]
        yield replace(transcript, feedback=said)


def _counts(train: Targets, heldout: Targets) -> dict[str, Any]:
    return {
        "train": {"ratings": len(train.rated), "pairs": len(train.pairs)},
        "heldout": {"ratings": len(heldout.rated), "pairs": len(heldout.pairs)},
        "prompts": len(train.prompts),
        "heldout_prompts": len(heldout.prompts),
    }


def _check_enough(train: Targets, config: TrainingConfig) -> None:
    if train.labels < config.min_labels:
        raise TooLittle(f"{train.labels} labels to learn from; {config.min_labels} are needed.")
    kinds = {r.target >= 0.5 for r in train.rated}
    if len(kinds) < 2 and not train.pairs:
        raise TooLittle("All ratings say the same; the reward head needs likes and dislikes.")
    examples.check(train, config.update)


def _parent(shop: Workshop, served: str, report: Report) -> tuple[str, Any]:
    """Return the version to go on from and its folder; another base starts afresh."""
    if served == BASE_VERSION:
        return BASE_VERSION, None
    folder = shop.home.adapters / served
    try:
        verify(folder, shop.base)
    except AdapterError as error:
        report("fit", 0.0, f"starting afresh from the base: {error}")
        return BASE_VERSION, None
    return served, folder


def _fit(
    policy: Policy, train: Targets, heldout: Targets, config: TrainingConfig
) -> tuple[reward_head.RewardHead, dict[str, Any]]:
    features, labels = _labels(policy, train, config)
    head = reward_head.fit(features, labels)
    metrics: dict[str, Any] = dict.fromkeys(("accuracy", "precision", "recall", "f1", "auc"))
    if heldout.labels:
        metrics |= reward_head.evaluate(head.score, *_labels(policy, heldout, config))
    liked = sum(r.target >= 0.5 for r in heldout.rated)
    metrics["trusted"] = min(liked, len(heldout.rated) - liked) >= ENOUGH_HELDOUT
    metrics["penalty"] = head.penalty
    return head, metrics


def _labels(
    policy: Policy, found: Targets, config: TrainingConfig
) -> tuple[Tensor, reward_head.Labels]:
    """Lay ratings and pairs out as rows of one feature matrix."""
    items = [(r.turns, r.answer) for r in found.rated]
    items += [(p.turns, text) for p in found.pairs for text in (p.chosen, p.rejected)]
    first = len(found.rated)
    pairs = [(first + 2 * i, first + 2 * i + 1) for i in range(len(found.pairs))]
    groups = [r.place.conversation for r in found.rated]
    groups += [p.place.conversation for p in found.pairs for _ in range(2)]
    labels = reward_head.Labels(
        targets=torch.tensor([r.target for r in found.rated]),
        weights=torch.tensor([r.weight for r in found.rated]),
        rows=torch.arange(first),
        pairs=torch.tensor(pairs, dtype=torch.long).reshape(-1, 2),
        pair_weights=torch.tensor([p.weight for p in found.pairs]),
        groups=groups,
    )
    return given(policy, items, config).features_BF, labels


def _contest(heldout: Targets, train: Targets, config: TrainingConfig) -> list[Any]:
    """Return the prompts of the gate: held-out ones, each as often as it takes to fill the number."""
    prompts = [p.turns for p in heldout.prompts or train.prompts]
    return [prompts[i % len(prompts)] for i in range(config.gate_prompts)]


def _update(
    policy: Policy, shares: ppo.Shares, train: Targets, config: TrainingConfig, report: Report
) -> dict[str, Any]:
    report("update", 0.0, "preparing the rated answers")
    if config.update != "ppo":
        # TRL is 100 MB of memory, and PPO needs nothing of it.
        from training import trl_updates  # noqa: PLC0415

        return trl_updates.update(policy, train, config, partial(report, "update"))
    rated = _rated(policy, train, config)

    def told(number: int, stats: ppo.Stats) -> None:
        line = f"update {number} of {config.updates}: reward {stats.score:.3f}, KL {stats.kl:.3f}"
        report("update", number / config.updates, line)

    return ppo.update(policy, shares, [p.turns for p in train.prompts], rated, config, told)


def _rated(policy: Policy, train: Targets, config: TrainingConfig) -> RatedAnswers:
    """Return the newest rated answers, with liked and disliked ones weighing the same in all."""
    items = [(r.turns, r.answer, r.target, r.weight) for r in train.rated]
    for pair in train.pairs:
        items.append((pair.turns, pair.chosen, 1.0, pair.weight))
        items.append((pair.turns, pair.rejected, 0.0, pair.weight))
    items = items[-config.rated_keep :]
    answers = given(policy, [(turns, text) for turns, text, _, _ in items], config)
    liked = torch.tensor([target for _, _, target, _ in items])
    weight = torch.tensor([weight for _, _, _, weight in items])
    good, bad = (liked * weight).sum(), ((1 - liked) * weight).sum()
    balance = liked / good.clamp_min(1e-6) + (1 - liked) / bad.clamp_min(1e-6)
    return rated_answers(policy, answers, liked, weight * balance * len(items) / 2)


def _promote(shop: Workshop, policy: Policy, done: Outcome, parent: str, report: Report) -> Outcome:
    """Publish the files, then announce them: one transaction makes version, verdict and row true."""
    report("publish", 0.0, "publishing the adapter")
    version = publish(policy.peft, shop.home.adapters, parent, shop.base, done.cycle)
    done = replace(done, version=version)

    def announce(session: Session) -> None:
        versions.add(session, version, parent, shop.base.name, done.cycle)
        versions.serve(session, version, f"promoted by cycle {done.cycle}")
        _record(session, done)

    shop.database.write(announce)
    with shop.database.read() as session:
        keep = _worth_keeping(session, shop.config.keep_versions)
    sweep(shop.home.adapters, keep)
    return done


def _worth_keeping(session: Session, number: int) -> set[str]:
    """Return the newest versions, and those that served last: what a roll back may ask for."""
    newest: Sequence[str] = [a.version for a in versions.versions(session)[:number]]
    served = [s.version for s in versions.history(session, number)]
    return {*newest, *served}
