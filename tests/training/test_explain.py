import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from sqlalchemy.orm import Session

from storage.database import Database
from storage.home import Home
from storage.models import Message
from tests.conftest import env_of
from tests.storage.people import Person
from tests.tiny import draw_head
from training import heads
from training.base import Base
from training.config import TrainingConfig
from training.explain import explain, main, pieces, read
from training.form import FORMS
from training.heads import NoHead, Reading
from training.policy import Policy
from training.prompts import Answer
from training.reward_head import RewardHead
from training.rollout import Answers, answer_ids, given

ROOT = Path(__file__).parents[2]
TURNS = [{"role": "user", "content": "why?"}]
TEXT = "Because, ¿sí? 你好 🙂"


@pytest.fixture
def head(base: Base) -> RewardHead:
    return draw_head(base)


@pytest.fixture
def reading(base: Base) -> Reading:
    return Reading(base.name, frozen=1, max_prompt=64, max_answer=64, cycle=7)


def as_trained(base: Base, config: TrainingConfig, reading: Reading) -> Answers:
    config = replace(config, max_prompt=reading.max_prompt, max_answer=reading.max_answer)
    return given(Policy(base, config), [(TURNS, Answer(TEXT))], config)


def test_the_parts_add_up_to_what_the_head_gives_the_answer(
    base: Base, head: RewardHead, reading: Reading, config: TrainingConfig
) -> None:
    told = explain(base, head, reading, (TURNS, Answer(TEXT)))
    features = as_trained(base, config, reading).features_BF
    assert told["mean"] == pytest.approx(float(head.mean(features)), abs=1e-5)
    assert told["spread"] == pytest.approx(
        float(head.members(features).std(correction=0)), abs=1e-5
    )
    parts = told["start"] + told["form"] + sum(token["share"] for token in told["tokens"])
    assert parts == pytest.approx(told["mean"], abs=1e-5)
    assert told["cycle"] == 7


def test_the_form_s_part_is_what_is_lost_without_it(
    base: Base, head: RewardHead, reading: Reading
) -> None:
    weight = head.weight_FK.clone()
    weight[-len(FORMS) :] = 0
    assert explain(base, head, reading, (TURNS, Answer(TEXT)))["form"] != pytest.approx(0, abs=1e-3)
    formless = explain(base, replace(head, weight_FK=weight), reading, (TURNS, Answer(TEXT)))
    assert formless["form"] == pytest.approx(0, abs=1e-5)


def test_tokens_read_as_the_answer_and_none_halves_a_character(
    base: Base, head: RewardHead, reading: Reading
) -> None:
    tokens = explain(base, head, reading, (TURNS, Answer(TEXT)))["tokens"]
    assert "".join(token["text"] for token in tokens) == TEXT
    assert [token["text"] for token in tokens if len(token["text"]) != 1] == [""]  # the end
    assert tokens[-1]["text"] == ""


def test_an_answer_that_was_stopped_has_no_token_for_its_end(
    base: Base, head: RewardHead, reading: Reading
) -> None:
    whole = explain(base, head, reading, (TURNS, Answer(TEXT)))
    told = explain(base, head, reading, (TURNS, Answer(TEXT, ended=False)))
    assert "".join(token["text"] for token in told["tokens"]) == TEXT
    assert len(told["tokens"]) == len(whole["tokens"]) - 1
    parts = told["start"] + told["form"] + sum(token["share"] for token in told["tokens"])
    assert parts == pytest.approx(told["mean"], abs=1e-5)
    assert (told["rest"], told["mean"] == whole["mean"]) == ("", False)


def test_pieces_keep_every_share(base: Base) -> None:
    ids = answer_ids(base, Answer(TEXT))
    shares = torch.arange(float(len(ids))).tolist()
    assert sum(share for _, share in pieces(base, ids, shares)) == sum(shares)
    half = ids[:-2] + ids[-1:]  # the last character lost a byte, and the answer ends there
    assert [text for text, _ in pieces(base, half, shares)][-2:] == ["\ufffd", ""]


def test_what_training_does_not_look_at_has_no_share(
    base: Base, head: RewardHead, reading: Reading
) -> None:
    told = explain(base, head, replace(reading, max_answer=7), (TURNS, Answer(TEXT)))
    assert "".join(token["text"] for token in told["tokens"]) == TEXT[:7]
    assert told["rest"] == TEXT[7:]


@pytest.mark.parametrize("other", ["larger", ""])
def test_a_head_of_another_base_is_not_asked(
    base: Base, head: RewardHead, reading: Reading, other: str
) -> None:
    short = head if other else replace(head, mean_F=head.mean_F[:-1])
    with pytest.raises(NoHead, match="The next training fits one anew"):
        explain(base, short, replace(reading, base=other or base.name), (TURNS, Answer(TEXT)))


@pytest.fixture
def env(home: Home, tiny_model: Path) -> dict[str, str]:
    return {**os.environ, **env_of(home), "HITL_MODEL": str(tiny_model), "OMP_NUM_THREADS": "1"}


def test_a_process_prints_one_line_about_a_stored_answer(
    env: dict[str, str], home: Home, database: Database, head: RewardHead, reading: Reading
) -> None:
    answer = Person(database).ask("why?", TEXT)[0]
    heads.keep(home.head, head, reading)
    own = {"HITL_REWARD_FUNCTION": "mine.py:taste", "HITL_REWARD_SHARE": "0.25"}
    done = subprocess.run(
        [sys.executable, "-m", "training.explain", "--message", answer.id],
        env=env | own, cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert (told["message"], told["head_share"]) == (answer.id, 0.75)
    assert "".join(token["text"] for token in told["tokens"]) == TEXT


def test_a_stored_answer_is_read_with_how_it_ended(database: Database) -> None:
    answer = Person(database).ask("why?", TEXT)[0]
    assert read(database, answer.id) == (TURNS, Answer(TEXT))

    def stop(session: Session) -> None:
        session.get_one(Message, answer.id).stop_reason = "stop"

    database.write(stop)
    assert read(database, answer.id) == (TURNS, Answer(TEXT, ended=False))


@pytest.mark.parametrize("lacking", ["answer", "head"])
def test_what_can_t_be_told_is_one_clear_line(
    env: dict[str, str],
    home: Home,
    database: Database,
    head: RewardHead,
    reading: Reading,
    lacking: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = Person(database).ask("why?", TEXT)[0]
    if lacking == "answer":
        heads.keep(home.head, head, reading)
    assert main(["--message", answer.parent_id or ""], env) == 2
    line = "There is no answer" if lacking == "answer" else "No reward head yet"
    told = capsys.readouterr()
    assert told.out == ""
    assert line in told.err.splitlines()[-1]
