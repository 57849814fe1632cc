"""The questions that versions are compared on, and who answers them when. Knows no feedback."""

from dataclasses import dataclass, replace
from functools import cached_property, partial

from training import canaries, gate
from training.change import NothingLearnt
from training.config import TrainingConfig
from training.course import Exam, Examine
from training.policy import Policy
from training.prompts import Turn
from training.reward import Reward
from training.rollout import Answers

ROOM = 0.75
"""Share of the gate's room that exams allow: the gate looks at other answers, drawn by chance."""
USED = 0.5
"""Share of it that the served version may have used up and still have room to get better."""


LOOKS = 2
"""Those of one cycle, each at other answers: at the served version's, and at the candidate's."""


def of_cycle(config: TrainingConfig, cycle: int) -> TrainingConfig:
    """Return settings whose seeds are no other cycle's.

    Drawn by the same chance, a version would be measured in the next cycle by the very answers that
    it was chosen for, the luckier ones: no candidate would seem better for long.
    """
    return replace(config, seed=config.seed + LOOKS * config.gate_rounds * cycle)


@dataclass(frozen=True)
class Contest:
    """Questions that nobody practises, and the policy that answers them, as it is at the moment."""

    policy: Policy
    prompts: list[list[Turn]]
    reward: Reward
    config: TrainingConfig

    def served(self, lengths: gate.Lengths, *, bare: bool) -> gate.Yardstick:
        """Let the served version answer, and the base, unless the served one is `bare` of adapters."""
        seeds = self._seeds(0)
        served = self._sample(seeds)
        if bare:
            return gate.Yardstick(served, served, lengths)
        with self.policy.as_reference():
            return gate.Yardstick(served, self._sample(seeds), lengths)

    def exam(self, yardstick: gate.Yardstick) -> Examine:
        """Return what tells how good the policy is by now."""

        def examine() -> Exam:
            now = self._sample(self._seeds(0)[:1])
            if now.texts == yardstick.served.texts[: len(now.texts)]:
                raise NothingLearnt("The candidate answers exactly as the served version does.")
            return self._marked(now, yardstick, ROOM)

        return examine

    def start(self, yardstick: gate.Yardstick) -> Exam:
        """Return the exam of the served version, as something to go on from."""
        return self._marked(yardstick.served, yardstick, USED)

    def _marked(self, now: gate.Sample, yardstick: gate.Yardstick, room: float) -> Exam:
        checks = gate.manners(now, yardstick, self.config, room)
        return Exam(now.score, [check.text for check in checks if not check.passed])

    def verdict(self, yardstick: gate.Yardstick) -> gate.Verdict:
        """Judge the policy by answers drawn afresh: an update chose it by those of its exams."""
        return gate.judge(self._sample(self._seeds(1)), yardstick, self.config)

    def _seeds(self, number: int) -> list[int]:
        """Return the seeds of one of the gate's looks, one for each round."""
        first = self.config.seed + number
        return [first + LOOKS * i for i in range(self.config.gate_rounds)]

    def _answers(self, seeds: list[int]) -> gate.Sample:
        configs = [replace(self.config, seed=seed) for seed in seeds]
        ask = partial(gate.sample, self.policy, self.prompts, self.reward.score)
        return gate.together([ask(config) for config in configs])

    def _sample(self, seeds: list[int]) -> gate.Sample:
        found = self._answers(seeds)
        return replace(found, canaries=canaries.margins(self.policy, self._canaries))

    @cached_property
    def _canaries(self) -> Answers:
        """The frozen layers run over them once for all looks."""
        return canaries.asked(self.policy, self.config)
