from pathlib import Path

import pytest
import torch

from storage.home import Home
from tests.tiny import draw_head
from training import heads
from training.base import Base
from training.config import TrainingConfig
from training.doubt import NoDoubt, load
from training.heads import Reading
from training.layout import layout
from training.policy import Policy
from training.prompts import Answer
from training.reward_head import RewardHead, spread, spread_by_words
from training.rollout import Answers, given

TEXTS = [
    "Yes.",
    "?",
    "- **one**\n- two",
    "你好 🙂, and so on",
    "far more than sixteen tokens **of it**",
]
SAID = [Answer(text, ended) for text in TEXTS for ended in (True, False)]
MOST = 16
DISPUTED = 0.125


@pytest.fixture
def head(base: Base) -> RewardHead:
    return draw_head(base)


@pytest.fixture
def answers(policy: Policy, config: TrainingConfig) -> Answers:
    longer = TrainingConfig(lora_layers=config.lora_layers, max_answer=MOST)
    return given(
        policy, [([{"role": "user", "content": "why?"}], answer) for answer in SAID], longer
    )


@pytest.fixture
def file(home: Home, head: RewardHead, base: Base) -> Path:
    reading = Reading(base.name, frozen=1, max_prompt=64, max_answer=MOST, cycle=7)
    heads.keep(home.head, head, reading, heads.words(head, base, DISPUTED))
    return home.head


def test_the_spread_in_numpy_is_the_one_in_torch(
    file: Path, head: RewardHead, answers: Answers
) -> None:
    doubt = load(file)
    found = torch.tensor([doubt.spread(answer) for answer in SAID])
    assert torch.allclose(found, spread_by_words(head, answers.features_BF), atol=1e-3)
    assert found.max() - found.min() > 0.01  # else anything would be close
    assert (doubt.disputed, doubt.most) == (DISPUTED, MOST)


def test_what_broke_off_before_its_first_word_leaves_no_doubt(file: Path) -> None:
    assert load(file).spread(Answer("", ended=False)) == 0.0


def test_by_words_is_all_there_is_to_say_where_hidden_states_are_worth_nothing(
    head: RewardHead, answers: Answers
) -> None:
    states = layout(answers.features_BF.shape[1]).states
    assert not torch.allclose(
        spread_by_words(head, answers.features_BF), spread(head.members(answers.features_BF))
    )
    head.weight_FK[states] = 0
    assert torch.allclose(
        spread_by_words(head, answers.features_BF), spread(head.members(answers.features_BF))
    )


def test_a_head_is_the_same_with_and_without_what_it_tells_of_words(
    file: Path, head: RewardHead
) -> None:
    assert torch.equal(heads.load(file)[0].weight_FK, head.weight_FK)


def test_a_file_that_tells_nothing_of_words_is_told(
    home: Home, head: RewardHead, base: Base
) -> None:
    with pytest.raises(NoDoubt):
        load(home.head)
    heads.keep(home.head, head, Reading(base.name, 1, 64, MOST, 7))
    with pytest.raises(NoDoubt, match="words_VK"):
        load(home.head)
    home.head.write_bytes(b"half a file")
    with pytest.raises(NoDoubt):
        load(home.head)
