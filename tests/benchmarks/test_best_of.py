from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.best_of import best_of
from storage.home import Home
from tests.tiny import draw_head
from training import heads
from training.base import load_base
from training.form import FORMS

PROMPTS = ("hi", "tell me more", "why")


def shortness(prompt: str, response: str) -> float:
    del prompt
    return 1 / (1 + len(response))


def settings(model: Path, home: Home) -> dict[str, str]:
    return {
        "HITL_DATA_DIR": str(home.folder),
        "HITL_MODEL": str(model),
        "HITL_MAX_ANSWER": "64",
        "HITL_TEMPERATURE": "2",  # so that a random model ends now and then
    }


def keep_head_for_short_answers(model: Path, home: Home) -> None:
    base = load_base(str(model), home)
    head = draw_head(base)
    weight = torch.zeros_like(head.weight_FK)
    weight[FORMS.index("length") - len(FORMS)] = -1.0
    reading = heads.Reading(base.name, 1, 64, 64, 7)
    heads.keep(home.head, replace(head, weight_FK=weight), reading)


def test_the_answer_that_the_head_likes_best_is_the_one_that_counts(
    tiny_model: Path, home: Home
) -> None:
    keep_head_for_short_answers(tiny_model, home)
    env = settings(tiny_model, home)
    only = best_of(1, shortness, PROMPTS, env)
    best = best_of(16, shortness, PROMPTS, env)
    assert only is not None
    assert best is not None
    assert len(best) == len(PROMPTS)
    assert sum(best) > sum(only)


def test_before_a_head_was_fitted_there_is_nothing_to_choose_by(
    tiny_model: Path, home: Home
) -> None:
    assert best_of(2, shortness, PROMPTS, settings(tiny_model, home)) is None
