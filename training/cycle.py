"""One cycle: mark, targets, fit, update, gate, publish. Every outcome is written to its row.

Knows the order of the steps and what ends them early, not when a cycle is due.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import torch
from sqlalchemy.orm import Session

from storage import adapters as versions
from storage import cycles, feedback, privacy, retraction
from storage.database import Database
from storage.home import Home
from storage.models import BASE_VERSION, Cycle
from training import gate, heads, lessons, named, ppo, regulars, reward_head, targets
from training.adapters import publish, sweep, verify
from training.base import Base
from training.calibration import CHANCE
from training.config import TrainingConfig
from training.contest import Contest, of_cycle
from training.course import Course
from training.feature_cache import FeatureCache
from training.fitting import fit
from training.manifest import AdapterError
from training.policy import Policy
from training.rated import RatedAnswers, rated_answers
from training.reward import Reward
from training.rollout import given
from training.split import split
from training.targets import Targets, TooLittle

Report = Callable[[str, float, str], None]
"""Called with phase, progress of the phase from 0 to 1, and a line for people."""

PHASES = ("mark", "targets", "fit", "update", "gate", "publish")


class Overtaken(Exception):
    """What the candidate was made from or compared with doesn't hold any more."""


@dataclass(frozen=True)
class Workshop:
    """What a cycle works with."""

    database: Database
    home: Home
    base: Base
    config: TrainingConfig
    function: named.Function | None = None
    """The host's own, which takes `config.reward_share` of the reward."""


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

    def advance(phase: str, progress: float, detail: str) -> None:
        shop.database.write(lambda s: cycles.advance(s, cycle.id, phase, progress, detail))
        report(phase, progress, detail)

    try:
        _sweep(shop)  # what a killed trainer left half published
        outcome = _attempt(shop, cycle.id, cycle.mark, advance)
    except TooLittle as reason:
        outcome = Outcome(cycle.id, "skipped", error=str(reason))
        _close(shop, outcome)
    except Overtaken as reason:  # its feedback waits for the next cycle
        outcome = Outcome(cycle.id, "interrupted", error=str(reason))
        _close(shop, outcome)
        _sweep(shop)
    except Exception as error:
        # Not hidden: it goes into the journal and on to the caller.
        _close(shop, Outcome(cycle.id, "failed", error=f"{type(error).__name__}: {error}"))
        raise
    finally:
        _forget(shop, cycle)
    return outcome


def _sweep(shop: Workshop) -> None:
    """Remove versions that were never announced."""
    with shop.database.read() as session:
        known = {a.version for a in versions.versions(session)}
    sweep(shop.home.adapters, known)


def _forget(shop: Workshop, cycle: Cycle) -> None:
    """Clear what this cycle has written of somebody who was erased while it ran."""
    with shop.home.copying(), shop.database.read() as session:
        if privacy.erased_since(session, cycle.started_at):
            for file in shop.home.features.glob("*"):
                file.unlink()


def _close(shop: Workshop, outcome: Outcome) -> None:
    shop.database.write(lambda s: _record(s, outcome))


def _record(session: Session, outcome: Outcome) -> None:
    values = asdict(outcome)
    cycle, status = values.pop("cycle"), values.pop("status")
    cycles.close(session, cycle, status, **values)


def _attempt(shop: Workshop, cycle: int, mark: int, report: Report) -> Outcome:
    config = of_cycle(shop.config, cycle)
    torch.manual_seed(config.seed)
    report("targets", 0.0, "reading the feedback")
    with shop.database.read() as session:
        found, noted = lessons.learnable(
            session, mark, feedback.last_signal(session), config.min_of_rater
        )
        served = versions.served(session)
    sides = split(found, config.heldout_share)
    lessons.check_enough(sides, config)
    questions = lessons.questions(sides, config)
    counts = lessons.counts(sides, questions) | noted
    train, heldout = sides.train, sides.heldout

    parent, folder = _parent(shop, served, report)
    policy = Policy(shop.base, config, folder)
    with closing(policy):
        report("fit", 0.0, f"fitting the reward head on {found.labels} labels")
        cache = FeatureCache(shop.home.features, policy, config)
        head, metrics = fit(cache, train, heldout, config)
        done = Outcome(cycle, "refused", parent, counts, metrics)
        flat = head.flatter(metrics["steepness"])  # people are told what `head` itself says
        reward = Reward(shop.base, flat, shop.function, config.reward_share)
        metrics["regulars"] = regulars.compare(cache, found, config)
        if reward.hears_people and (reason := _misleading(metrics, config)):
            done = replace(done, verdict=gate.Verdict(False, [reason], {}).as_json())  # noqa: FBT003
            _close(shop, done)
            return done

        reading = heads.Reading(
            shop.base.name, policy.frozen, config.max_prompt, config.max_answer, cycle
        )
        _keep(shop, head, reading, metrics["disputed"])
        contest = Contest(policy, questions, reward, config)
        report("fit", 0.5, "answering held-out questions with the served version")
        yardstick = contest.served(_lengths(head, found), bare=parent == BASE_VERSION)
        asked = [p.turns for p in train.prompts]
        exam = contest.exam(yardstick)
        course = Course(policy, exam, config.patience, contest.start(yardstick))
        goal = ppo.Goal(reward.shares, asked, reward.worths, yardstick.base.surprise, course)
        result = _update(policy, goal, train, config, report)
        report("gate", 0.0, "answering held-out questions with the candidate")
        verdict = _verdict(contest, yardstick, course)
        done = replace(done, ppo=result, verdict=verdict.as_json())
        if not verdict.promote:
            _close(shop, done)
            return done
        done = replace(done, status="promoted")
        return _promote(shop, policy, done, (parent, served), report)


def _misleading(metrics: dict[str, Any], config: TrainingConfig) -> str | None:
    """Return why nothing may be learnt from the head, if that is so."""
    if reason := regulars.opposed(metrics["regulars"]):
        return reason
    if metrics["trusted"] and metrics["auc"] < CHANCE:
        return f"The reward head ranks unseen answers worse than chance (AUC {metrics['auc']:.2f})."
    if metrics["chance"] > config.max_chance:
        return (
            f"What people said may be chance: dealt out anew among the same answers it fits as well in "
            f"{metrics['chance']:.0%} of all draws (at most {config.max_chance:.0%}). Rate more answers."
        )
    return None


def _keep(
    shop: Workshop, head: reward_head.RewardHead, reading: heads.Reading, disputed: float
) -> None:
    """Keep the head for whoever asks about it, unless it learned from somebody who was erased since."""
    words = heads.words(head, shop.base, disputed)
    with shop.home.copying(), shop.database.read() as session:
        if not privacy.erased_since(session, session.get_one(Cycle, reading.cycle).started_at):
            heads.keep(shop.home.head, head, reading, words)


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


def _lengths(head: reward_head.RewardHead, found: Targets) -> gate.Lengths:
    """Let the gate's bounds on length give way as far as liked answers already go."""
    if "length" not in head.wanted:
        return gate.AS_LONG
    shortest, longest = targets.lengths_liked(found)
    return gate.Lengths(min(1.0, shortest), max(1.0, longest))


def _update(
    policy: Policy, goal: ppo.Goal, train: Targets, config: TrainingConfig, report: Report
) -> dict[str, Any]:
    tell = partial(report, "update")
    tell(0.0, "preparing the rated answers")
    train = train.newest(config.rated_keep)
    if config.update != "ppo":
        # TRL is 100 MB of memory, and PPO needs nothing of it.
        from training import trl_updates  # noqa: PLC0415

        return trl_updates.update(policy, train, config, tell)
    return ppo.update(policy, goal, _rated(policy, train, config), config, tell)


def _rated(policy: Policy, train: Targets, config: TrainingConfig) -> RatedAnswers:
    """Return the rated answers, with liked and disliked ones weighing the same in all."""
    items = [(r.turns, r.answer, r.target, r.weight) for r in train.rated]
    for pair in train.pairs:
        items.append((pair.turns, pair.chosen, 1.0, pair.weight))
        items.append((pair.turns, pair.rejected, 0.0, pair.weight))
    answers = given(policy, [(turns, answer) for turns, answer, _, _ in items], config)
    liked = torch.tensor([target for _, _, target, _ in items])
    weight = torch.tensor([weight for _, _, _, weight in items])
    good, bad = (liked * weight).sum(), ((1 - liked) * weight).sum()
    balance = liked / good.clamp_min(1e-6) + (1 - liked) / bad.clamp_min(1e-6)
    return rated_answers(policy, answers, liked, weight * balance * len(items) / 2)


def _verdict(contest: Contest, yardstick: gate.Yardstick, course: Course) -> gate.Verdict:
    """Judge the best candidate; where it is better but strays too far, the next best."""
    verdict, refused = contest.verdict(yardstick), list[str]()
    while verdict.better and not verdict.promote and course.take_best():
        refused.append(f"One that scored higher was refused: {' '.join(verdict.reasons)}")
        verdict = contest.verdict(yardstick)
    return replace(verdict, reasons=[*verdict.reasons, *refused])


def _promote(
    shop: Workshop, policy: Policy, done: Outcome, before: tuple[str, str], report: Report
) -> Outcome:
    """Publish the files, then announce them: one transaction makes version, verdict and row true.

    `before` is the candidate's parent, and what served when it was compared.
    """
    parent, served = before
    report("publish", 0.0, "publishing the adapter")
    version = publish(policy.peft, shop.home.adapters, parent, shop.base, done.cycle)
    done = replace(done, version=version)

    def announce(session: Session) -> None:
        serves = versions.served(session)
        if serves != served:  # rolled back meanwhile: this one comes from what people didn't want
            raise Overtaken(f"{serves} serves now, and the candidate was compared with {served}.")
        if reason := retraction.since(session, session.get_one(Cycle, done.cycle)):
            raise Overtaken(reason)
        versions.add(session, version, parent, shop.base.name, done.cycle)
        versions.serve(session, version, f"promoted by cycle {done.cycle}")
        _record(session, done)

    shop.database.write(announce)
    with shop.database.read() as session:
        keep = _worth_keeping(session, shop.config.keep_versions)
    sweep(shop.home.adapters, keep)
    return done


def _worth_keeping(session: Session, number: int) -> set[str]:
    """Return the newest versions, those that served last, and those that led to the one that serves.

    They are what a roll back may ask for, by hand or because people surely like a version less.
    """
    newest: Sequence[str] = [a.version for a in versions.versions(session)[:number]]
    served = [s.version for s in versions.history(session, number)]
    return {*newest, *served, *versions.line(session)[-number:]}
