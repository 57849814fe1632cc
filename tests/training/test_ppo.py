from dataclasses import asdict, replace

import pytest
import torch
from torch import Tensor

from tests.training.marks import OUT, at
from training import ppo
from training.change import NothingLearnt
from training.config import TrainingConfig
from training.course import Course, Exam, Examine
from training.policy import Policy
from training.ppo import Goal, Shares, _picked, update
from training.prompts import Answer, Turn
from training.rated import RatedAnswers, rated_answers
from training.rollout import Answers, given, logprobs
from training.worths import Worths

PROMPTS: list[list[Turn]] = [[{"role": "user", "content": c}] for c in "abcd"]


def rated(policy: Policy, config: TrainingConfig) -> RatedAnswers:
    items = [(PROMPTS[0], Answer("good")), (PROMPTS[1], Answer("bad"))]
    answers = given(policy, items, config)
    return rated_answers(policy, answers, torch.tensor([1.0, 0.0]), torch.ones(2))


def count_of(token: int, answers: Answers) -> Tensor:
    """How much of an answer is one token, told at each place where it stands."""
    hits_BT = (answers.ids_BT == token) & answers.mask_BT
    return hits_BT / answers.mask_BT.sum(1, keepdim=True)


def chance(answers: Answers) -> Tensor:
    """Rewards that mean nothing."""
    return torch.rand(answers.ids_BT.shape) * answers.mask_BT


def no_worths(answers: Answers) -> Worths:
    """No word is known to be worth anything before it is drawn."""
    raise AssertionError("tilt_steps is 0")


def goal(policy: Policy, shares: Shares, prompts: list[list[Turn]] = PROMPTS) -> Goal:
    """Exams that always find the newest policy the best."""
    marks = iter(range(1_000))
    course = Course(policy, lambda: at(float(next(marks))), 1_000, served=at(-1.0))
    return Goal(shares, prompts, no_worths, 1.0, course)


def tilting_goal(policy: Policy, words_V: Tensor, examine: Examine, served: float = 0.0) -> Goal:
    """Words are worth something, and that is all that is known."""

    def worth(answers: Answers) -> Worths:
        return Worths(words_V, torch.zeros(64), torch.zeros(answers.ids_BT.shape))

    return Goal(chance, PROMPTS, worth, 1.0, Course(policy, examine, 9, at(served)))


def alike(some: list[Tensor], others: list[Tensor]) -> bool:
    """Tell whether two snapshots are the same."""
    return all(torch.equal(a, b) for a, b in zip(some, others, strict=True))


def quiet(done: float, line: str) -> None:
    """Nobody listens."""


def test_every_prompt_is_answered_before_one_comes_again(config: TrainingConfig) -> None:
    four = replace(config, rollouts=8, candidates=2)
    picked = _picked(3, four, torch.Generator().manual_seed(0))
    assert picked[0::2] == picked[1::2]
    assert sorted(picked[0:6:2]) == [0, 1, 2]


def test_before_the_first_step_the_ratio_is_1_and_nothing_is_clipped(
    policy: Policy, config: TrainingConfig
) -> None:
    torch.manual_seed(0)
    once = replace(config, updates=1, epochs=1, minibatch=8, rated_epochs=0)
    result = update(policy, goal(policy, chance), rated(policy, once), once, quiet)
    (seen,) = result["history"]
    assert seen["ratio_max"] == pytest.approx(1, abs=1e-4)
    assert seen["approx_kl"] == pytest.approx(0, abs=1e-6)
    assert seen["clipfrac"] == 0
    assert seen["kl"] == pytest.approx(0, abs=1e-5)


def test_entropy_is_told_by_the_tokens_that_were_drawn(
    policy: Policy, config: TrainingConfig
) -> None:
    torch.manual_seed(0)
    exact: list[float] = []

    def look(answers: Answers) -> Tensor:
        states_BTD = policy.top(answers.trunk_BTD)[:, :-1]
        every_NV = policy.logits(states_BTD[answers.mask_BT[:, 1:]]).log_softmax(-1)
        exact.append(-float((every_NV.exp() * every_NV).sum(1).mean()))
        return chance(answers)

    once = replace(config, updates=1, epochs=1, rollouts=128, minibatch=128, rated_epochs=0)
    result = update(policy, goal(policy, look), rated(policy, once), once, quiet)
    assert result["history"][0]["entropy"] == pytest.approx(exact[0], rel=0.05)


def test_what_is_rewarded_becomes_more_likely(policy: Policy, config: TrainingConfig) -> None:
    torch.manual_seed(0)
    vowels = [policy.base.tokenizer.convert_tokens_to_ids(c) for c in "aeiou"]
    longer = replace(
        config, updates=8, rollouts=32, minibatch=8, epochs=4, rated_epochs=0,
        kl_coef=0.0,
        gate_kl=100.0, target_kl=10.0,
    )  # fmt: skip

    def score(answers: Answers) -> Tensor:
        return torch.stack([count_of(v, answers) for v in vowels]).sum(0)

    result = update(policy, goal(policy, score), rated(policy, longer), longer, quiet)
    seen = [stats["score"] for stats in result["history"]]
    assert sum(seen[-2:]) / 2 > seen[0] + 0.05


def test_prompt_tokens_get_no_gradient(policy: Policy, config: TrainingConfig) -> None:
    answers = given(policy, [(PROMPTS[0], Answer("good"))], config)
    found, _ = logprobs(policy, answers)
    outside = found[~answers.mask_BT]
    assert not outside.any()
    outside.sum().backward()
    assert not any(p.grad is not None and p.grad.any() for p in policy.parameters)


def test_an_update_that_changes_nothing_is_an_error(policy: Policy, config: TrainingConfig) -> None:
    still = replace(config, updates=1, rated_epochs=0)
    with torch.no_grad():
        for weight in policy.parameters:
            weight.zero_()  # both LoRA factors at zero: no gradient can reach either
    with pytest.raises(NothingLearnt, match="changed no weight"):
        update(policy, goal(policy, lambda a: count_of(40, a)), rated(policy, still), still, quiet)


def test_weights_that_blow_up_are_an_error(policy: Policy, config: TrainingConfig) -> None:
    with pytest.raises(NothingLearnt, match="NaN"):
        update(
            policy,
            goal(policy, lambda a: torch.full(a.ids_BT.shape, float("nan"))),
            rated(policy, config),
            replace(config, updates=1),
            quiet,
        )


def test_the_policy_that_stays_is_the_best_one_an_exam_saw(
    policy: Policy, config: TrainingConfig
) -> None:
    torch.manual_seed(0)
    long = replace(config, updates=12, exam_every=1, patience=3)
    marks, seen = iter([0.2, 0.5, 0.4, 0.3, 0.1, 0.9]), list[list[Tensor]]()

    def examine() -> Exam:
        seen.append(policy.snapshot())
        return at(next(marks))

    course = Course(policy, examine, long.patience, served=at(0.0))
    aim = Goal(lambda a: count_of(40, a), PROMPTS, no_worths, 1.0, course)
    result = update(policy, aim, rated(policy, long), long, quiet)
    assert [exam["score"] for exam in result["exams"]] == [0.2, 0.5, 0.4, 0.3, 0.1]
    assert "rose no more after 0.500" in result["stopped"]
    assert alike(policy.snapshot(), seen[1])


def test_practice_goes_on_within_the_bounds(policy: Policy, config: TrainingConfig) -> None:
    torch.manual_seed(0)
    once = replace(config, updates=3, exam_every=1, rated_epochs=0)
    marks, seen = iter([at(0.2), OUT, at(0.3), OUT, OUT, OUT]), list[list[Tensor]]()

    def examine() -> Exam:
        seen.append(policy.snapshot())
        return next(marks)

    course = Course(policy, examine, patience=9, served=at(0.0))
    aim = Goal(lambda a: count_of(40, a), PROMPTS, no_worths, 1.0, course)
    result = update(policy, aim, rated(policy, once), once, quiet)
    assert len(result["exams"]) == 6
    for drawn, strayed, within in ((2, 1, 0), (4, 3, 2), (5, 4, 2)):
        for now, out, back in zip(seen[drawn], seen[strayed], seen[within], strict=True):
            assert torch.allclose(now, (out + back) / 2, atol=1e-6)
    assert alike(policy.snapshot(), seen[2])


def test_tilts_come_closer_to_the_base_until_one_is_within_its_bounds(
    policy: Policy, config: TrainingConfig
) -> None:
    torch.manual_seed(0)
    tilting = replace(config, tilt_steps=2, updates=1, rated_epochs=0)
    words_V = torch.zeros(policy.base.model.config.vocab_size)
    words_V[40] = 1.0
    marks = iter([OUT, OUT, at(0.5), at(0.4)])
    aim = tilting_goal(policy, words_V, marks.__next__)
    result = update(policy, aim, rated(policy, tilting), tilting, quiet)
    assert result["exams"] == [asdict(exam) for exam in (OUT, OUT, at(0.5), at(0.4))]
    far = [steps[0] for steps in result["tilting"]]
    assert far[0] > far[1] > far[2] > 0


def test_whoever_waits_is_told_what_is_done_and_how_much_of_it(
    policy: Policy, config: TrainingConfig
) -> None:
    heard: list[tuple[float, str]] = []
    tilting = replace(config, tilt_steps=1, updates=2, exam_every=2)
    words_V = torch.linspace(-1, 1, policy.base.model.config.vocab_size)
    aim = tilting_goal(policy, words_V, iter([OUT, at(0.5), at(0.6)]).__next__)
    update(policy, aim, rated(policy, tilting), tilting, lambda *told: heard.append(told))
    assert [(done, line.split(":")[0]) for done, line in heard] == [
        (0, "learning what words are worth, attempt 1 of at most 4"),
        (1 / 6, "learning what words are worth, attempt 2 of at most 4"),
        (4 / 6, "learning from the rated answers"),
        (5 / 6, "update 1 of 2"),
        (1, "update 2 of 2"),
    ]
    heard.clear()
    plain = replace(tilting, tilt_steps=0)
    update(
        policy, goal(policy, chance), rated(policy, plain), plain, lambda *told: heard.append(told)
    )
    assert [done for done, _ in heard] == [0, 0.5, 1]


def test_a_closer_tilt_is_less_sure_of_words_too(config: TrainingConfig) -> None:
    closer = ppo._closer(replace(config, tilt_kl=0.3, tilt_sharpness=1.4), 2.0)
    assert closer.tilt_kl == pytest.approx(0.15)
    assert closer.tilt_sharpness == pytest.approx(1.2)


def test_what_tokens_lead_to_counts_in_the_tilt_as_much_as_is_set(
    policy: Policy, config: TrainingConfig
) -> None:
    words_V = torch.linspace(-1, 1, policy.base.model.config.vocab_size)
    answers, start = rated(policy, config), policy.snapshot()

    def tilted(ahead: float, said: Tensor) -> list[Tensor]:
        torch.manual_seed(0)
        policy.restore(start)
        tilting = replace(config, tilt_steps=1, tilt_ahead=ahead)
        aim = tilting_goal(policy, words_V, lambda: at(0.5))
        known = replace(aim, worths=lambda _: Worths(words_V, torch.zeros(64), said))
        ppo._tilt(policy, known, answers, tilting, quiet)
        return policy.snapshot()

    shape = answers.answers.ids_BT.shape
    said_BT = 1e3 * torch.rand(shape, generator=torch.Generator().manual_seed(1))
    without = tilted(0.0, said_BT)
    assert alike(without, tilted(1.0, torch.zeros(shape)))
    assert not alike(without, tilted(1.0, said_BT))


def test_a_tilt_that_never_keeps_its_bounds_is_given_up(
    policy: Policy, config: TrainingConfig
) -> None:
    tilting, before = replace(config, tilt_steps=1), policy.snapshot()
    words_V = torch.linspace(-1, 1, policy.base.model.config.vocab_size)
    aim = tilting_goal(policy, words_V, lambda: OUT)
    found = ppo._tilt(policy, aim, rated(policy, tilting), tilting, quiet)
    assert len(found) == ppo.TRIES
    assert alike(policy.snapshot(), before)
    assert aim.course.dearness == 1.0  # practice costs what it always does


def test_a_tilt_no_better_than_what_serves_is_not_the_start(
    policy: Policy, config: TrainingConfig
) -> None:
    tilting, before = replace(config, tilt_steps=1), policy.snapshot()
    words_V = torch.linspace(-1, 1, policy.base.model.config.vocab_size)
    aim = tilting_goal(policy, words_V, lambda: at(0.5), served=0.6)
    found = ppo._tilt(policy, aim, rated(policy, tilting), tilting, quiet)
    assert len(found) == 1
    assert alike(policy.snapshot(), before)


def test_where_no_word_is_worth_anything_there_is_no_tilt(
    policy: Policy, config: TrainingConfig
) -> None:
    tilting = replace(config, tilt_steps=2, updates=1)
    size = policy.base.model.config.vocab_size
    nothing = Worths(torch.zeros(size), torch.zeros(64), torch.zeros(2, 9))
    aim = replace(goal(policy, chance), worths=lambda _: nothing)
    result = update(policy, aim, rated(policy, tilting), tilting, quiet)
    assert result["tilting"] == []


def test_without_a_prompt_there_is_nothing_to_do(policy: Policy, config: TrainingConfig) -> None:
    with pytest.raises(ValueError, match="at least one prompt"):
        update(
            policy,
            goal(policy, lambda a: count_of(40, a), []),
            rated(policy, config),
            config,
            quiet,
        )
