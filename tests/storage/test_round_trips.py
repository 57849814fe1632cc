"""Exported files in the programs they are for, each in a process of its own as users have it."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from storage import export
from storage.database import Database
from storage.names import pseudonym
from storage.trees import DEEPEST
from tests.conftest import on_sqlite
from tests.storage.people import Person
from tests.tiny import build_model

HERE = Path(__file__).parent

pytestmark = on_sqlite


def run(program: str, *arguments: Path) -> Any:  # noqa: ANN401 - whatever it says
    """What a program says last."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(arguments[0].parent / "hub")}
    command = [sys.executable, str(HERE / program), *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4_000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def exported(database: Database, person: Person, tmp_path: Path) -> Path:
    """A folder with every format of some talk with opinions of each kind."""
    folder = tmp_path / "exported"
    folder.mkdir()
    for number in range(4):
        bad, good = person.ask(f"What is {number} and {number}?", "no idea", f"{2 * number}")
        person.rate(bad, -1, ["Too short"], "think")
        person.rate(good, 1)
        [edited] = person.ask("And one more?", "don't know")
        person.edit(edited, f"{2 * number + 1}")
    first, second = person.ask("Bye", "Bye", "See you")
    person.choose(second, first)
    with database.read() as session:
        for name in export.FORMATS:
            export.write(session, name, folder / export.file_name(name))
    return folder


@pytest.mark.timeout(280)
def test_trls_trainers_take_a_step_on_each_of_their_forms(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    build_model(tmp_path / "model")
    losses = run("train_step.py", exported, tmp_path / "model")
    assert set(losses) == {
        "trl-preference DPOTrainer",
        "trl-preference RewardTrainer",
        "trl-preference-implicit RewardTrainer",
        "trl-unpaired KTOTrainer",
        "trl-prompt-completion SFTTrainer",
        "trl-language-modeling SFTTrainer",
    }
    for loss, rows in losses.values():
        assert math.isfinite(loss)
        assert loss > 0
        assert rows >= 4


# Argilla


def test_argilla_reads_its_records_with_every_response(exported: Path, person: Person) -> None:
    records = run("load_argilla.py", exported / "argilla.json")
    user = str(uuid.UUID(pseudonym(person.id)))
    fields, responses, status = records[0]
    assert fields["answer"] == "no idea"
    assert fields["prompt"][0]["role"] == "user"
    assert responses == {
        "rating": ["dislike", user],
        "reasons": [["Too short"], user],
        "comment": ["think", user],
    }
    assert status == ["submitted"] * 3
    assert [said["correction"][0] for _, said, _ in records if "correction" in said] == list("1357")


# OpenAI


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_openais_fine_tuning_learns_the_last_answer_alone(exported: Path) -> None:
    for row in lines(exported / "openai-fine-tuning.jsonl"):
        assert set(row) == {"messages"}
        weights = [m["weight"] for m in row["messages"] if m["role"] == "assistant"]
        assert weights == [0] * (len(weights) - 1) + [1]
        assert row["messages"][-1]["role"] == "assistant"
        assert all(set(m) == {"role", "content"} for m in row["messages"] if m["role"] == "user")


def test_openais_preference_rows_are_one_answer_each(exported: Path) -> None:
    for row in lines(exported / "openai-preference.jsonl"):
        assert set(row) == {"input", "preferred_output", "non_preferred_output"}
        assert set(row["input"]) == {"messages", "tools", "parallel_tool_calls"}
        assert row["input"]["messages"][-1]["role"] == "user"
        for side in ("preferred_output", "non_preferred_output"):
            [message] = row[side]
            assert message["role"] == "assistant"


# Open Assistant. Its reader isn't on PyPI; these are the fields of its schemas.


class Label(BaseModel):
    value: float | None
    count: int


class Node(BaseModel):
    model_config = ConfigDict(extra="forbid")

    message_id: str
    parent_id: str | None
    user_id: str | None
    created_date: str
    text: str
    role: str
    lang: str | None
    review_count: int | None
    review_result: bool | None
    deleted: bool | None
    rank: int | None
    synthetic: bool | None
    model_name: str | None
    emojis: dict[str, int] | None
    replies: list[Node] | None
    labels: dict[str, Label] | None
    events: dict[str, list[dict[str, str]]] | None
    tree_state: str | None


class Tree(BaseModel):
    model_config = ConfigDict(extra="forbid")

    message_tree_id: str
    tree_state: str | None
    prompt: Node | None
    origin: str | None


def nodes(node: Node | None) -> list[Node]:
    if node is None:
        return []
    return [node, *(below for reply in node.replies or [] for below in nodes(reply))]


def test_open_assistant_trees_hold_every_message_under_its_parent(exported: Path) -> None:
    [tree] = [Tree.model_validate(row) for row in lines(exported / "openassistant.jsonl")]
    found = nodes(tree.prompt)
    assert len(found) == 4 * 5 + 3
    for node in found:
        assert all(reply.parent_id == node.message_id for reply in node.replies or [])
        assert {reply.role for reply in node.replies or []} <= {"prompter", "assistant"} - {
            node.role
        }
    by_text = {node.text: node for node in found}
    assert (by_text["See you"].rank, by_text["Bye"].rank) == (0, 1)
    assert by_text["no idea"].review_result is False
    assert by_text["no idea"].emojis == {"-1": 1}


def test_a_conversation_too_deep_for_one_tree_goes_on_in_another(
    database: Database, person: Person, tmp_path: Path
) -> None:
    for number in range(DEEPEST):
        person.ask(f"{number}?", str(number))
    path = tmp_path / "trees.jsonl"
    with database.read() as session:
        export.write(session, "openassistant", path)
    first, second = (Tree.model_validate(row) for row in lines(path))
    assert len(nodes(first.prompt)) == len(nodes(second.prompt)) == DEEPEST
    assert nodes(second.prompt)[0].parent_id == nodes(first.prompt)[-1].message_id
