import re
from dataclasses import replace

import pytest
import torch

from training.config import TrainingConfig
from training.gate import (
    Lengths,
    Sample,
    Yardstick,
    distinct2,
    judge,
    manners,
    repetition,
    sample,
    together,
)
from training.policy import Policy
from training.prompts import Turn

SERVED = Sample(
    scores=[0.4] * 10,
    asked=list(range(10)),
    texts=["because"] * 10,
    kl=0.0,
    surprise=1.0,
    length=40.0,
    repetition=0.02,
    distinct2=0.8,
    canaries={"What is 2 + 2?": 3.0},
)
BETTER = replace(SERVED, scores=[0.6] * 10, kl=0.1)


def test_a_better_candidate_within_bounds_is_promoted() -> None:
    verdict = judge(BETTER, Yardstick(SERVED, SERVED), TrainingConfig())
    assert verdict.promote
    assert verdict.figures["win_rate"] == 1.0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"scores": [0.4] * 10}, "Held-out reward"),
        ({"scores": [0.3] * 9 + [1.0]}, "Held-out reward"),
        ({"scores": [0.6] * 7 + [0.3] * 3}, "wins 70% of 10 answers to 10 questions \\(surely 40%"),
        ({"kl": 5.0}, "KL to the base"),
        ({"kl": float("nan")}, "KL to the base"),
        ({"surprise": 1.3}, "1.30x as surprised"),
        ({"length": 4.0}, "as long"),
        ({"length": 400.0}, "as long"),
        ({"distinct2": 0.2}, "Distinct bigrams"),
        ({"repetition": 0.9}, "Repetition"),
        ({"canaries": {"What is 2 + 2?": -1.0}}, "Canary questions lost: What is 2 \\+ 2"),
    ],
)
def test_each_bound_alone_can_refuse(change: dict[str, object], reason: str) -> None:
    verdict = judge(replace(BETTER, **change), Yardstick(SERVED, SERVED), TrainingConfig())  # type: ignore[arg-type]
    assert not verdict.promote
    assert len(verdict.reasons) == 1
    assert re.search(reason, verdict.reasons[0])


def test_repetition_is_the_share_of_4_grams_seen_before() -> None:
    assert repetition("a b c d e f") == 0.0
    assert repetition("a b c d " * 10) > 0.8
    assert repetition("short") == 0.0


def test_repetition_and_variety_are_seen_where_no_gaps_part_words() -> None:
    said = "我喜欢你。" * 10
    assert repetition(said) > 0.8
    assert distinct2([said]) < 0.2
    assert distinct2(["今天天气很好", "我们去公园吧"]) == 1.0


def test_answers_of_one_word_say_nothing_twice() -> None:
    short = replace(SERVED, distinct2=0.0)
    better = replace(BETTER, distinct2=0.0)
    assert judge(better, Yardstick(short, short), TrainingConfig()).promote


def test_distinct_2_counts_bigrams_over_all_answers() -> None:
    assert distinct2(["a b", "a b"]) == 0.5
    assert distinct2([]) == 0.0


def test_the_same_adapter_gives_the_same_sample_twice(
    policy: Policy, config: TrainingConfig
) -> None:
    prompts: list[list[Turn]] = [[{"role": "user", "content": "hi"}]] * 4
    first = sample(policy, prompts, lambda a: a.features_BF[:, 0], config)
    again = sample(policy, prompts, lambda a: a.features_BF[:, 0], config)
    assert first == again
    assert first.asked == [0, 0, 0, 0]
    assert first.kl == pytest.approx(0, abs=1e-6)


def test_a_sample_leaves_chance_as_it_was(policy: Policy, config: TrainingConfig) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    sample(policy, [[{"role": "user", "content": "hi"}]], lambda a: a.features_BF[:, 0], config)
    assert torch.equal(torch.get_rng_state(), before)


def test_rounds_together_have_all_scores_and_mean_figures() -> None:
    more = replace(SERVED, scores=[1.0], asked=[3], texts=["why"], length=50.0, distinct2=0.6)
    twice = together([SERVED, more])
    assert twice.scores == [*SERVED.scores, 1.0]
    assert twice.asked == [*range(10), 3]
    assert twice.texts == [*SERVED.texts, "why"]
    assert twice.length == pytest.approx((SERVED.length + 50) / 2)
    assert twice.distinct2 == pytest.approx((SERVED.distinct2 + 0.6) / 2)
    assert together([SERVED]) == replace(SERVED, canaries={})


def test_the_length_bound_gives_way_only_as_far_as_ratings_ask() -> None:
    short = replace(BETTER, length=12.0)
    config = TrainingConfig(gate_length_low=0.5, gate_length_high=2.0)
    shorter = Yardstick(SERVED, SERVED, Lengths(0.5, 1.0))
    assert not judge(short, Yardstick(SERVED, SERVED), config).promote
    assert judge(short, shorter, config).promote
    assert not judge(replace(short, length=4.0), shorter, config).promote
    assert not judge(short, Yardstick(SERVED, SERVED, Lengths(1.0, 2.0)), config).promote


def test_many_answers_to_few_questions_are_few_views() -> None:
    mixed = replace(SERVED, scores=[0.6] * 48 + [0.3] * 16, asked=[i // 16 for i in range(64)])
    served = replace(SERVED, scores=[0.4] * 64, asked=mixed.asked)
    assert not judge(mixed, Yardstick(served, served), TrainingConfig()).promote
    spread = replace(mixed, asked=list(range(64)))
    verdict = judge(spread, Yardstick(served, served), TrainingConfig())
    assert verdict.promote
    assert (verdict.figures["questions"], verdict.figures["win_rate"]) == (64, 0.75)


def test_surprise_and_variety_are_held_against_the_base_not_the_last_version() -> None:
    config, strayed = TrainingConfig(), replace(SERVED, surprise=1.1, distinct2=0.74)
    further = replace(BETTER, surprise=1.2, distinct2=0.7)
    assert judge(further, Yardstick(strayed, strayed), config).promote
    refused = judge(further, Yardstick(strayed, SERVED), config)
    assert len(refused.reasons) == 2


def test_length_and_repetition_don_t_drift_from_version_to_version() -> None:
    config, strayed = TrainingConfig(), replace(SERVED, length=33.0, repetition=0.1)
    further = replace(BETTER, length=28.0, repetition=0.15)
    assert judge(further, Yardstick(strayed, strayed), config).promote
    refused = judge(further, Yardstick(strayed, SERVED), config)
    assert len(refused.reasons) == 2
    assert refused.figures["length_ratio"] == pytest.approx(28 / 40)


def test_where_people_asked_for_other_lengths_the_served_version_s_are_the_usual_ones() -> None:
    config, shorter = TrainingConfig(), replace(SERVED, length=20.0)
    again = replace(BETTER, length=17.0)
    assert judge(again, Yardstick(shorter, SERVED), config).promote  # as people once wanted
    wanted = Yardstick(replace(SERVED, length=33.0), SERVED, Lengths(0.5, 1.0))
    assert judge(again, wanted, config).promote


@pytest.mark.parametrize(
    "change",
    [
        {"kl": 0.55},
        {"surprise": 1.14},
        {"length": 33.0},
        {"length": 49.0},
        {"distinct2": 0.73},
        {"repetition": 0.11},
    ],
)
def test_a_share_of_the_bounds_refuses_what_just_passes_them(change: dict[str, float]) -> None:
    config, just = TrainingConfig(), replace(BETTER, **change)  # type: ignore[arg-type]
    yardstick = Yardstick(SERVED, SERVED)
    assert all(check.passed for check in manners(just, yardstick, config))
    assert not all(check.passed for check in manners(just, yardstick, config, 0.75))
