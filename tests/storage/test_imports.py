import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from storage import export, feedback, imports, privacy, transcripts
from storage.database import Database
from storage.export import Order
from storage.home import Home
from storage.imports import VERSION, store
from storage.names import pseudonym
from storage.person import counts
from storage.talks import read
from tests.storage.people import Person
from training.config import TrainingConfig
from training.targets import build


@pytest.fixture
def elsewhere(tmp_path: Path) -> Database:
    """Another installation's database, still empty."""
    return Database.open(Home.from_env({"HITL_DATA_DIR": str(tmp_path / "elsewhere")}))


def written(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def said(role: str, text: str) -> list[dict[str, str]]:
    return [{"role": role, "content": text}]


def exported(*opinions: dict[str, Any], **fields: str) -> dict[str, Any]:
    """A row of our own export."""
    told = [{"other": "", **opinion} for opinion in opinions]
    row = {"prompt": said("user", "Hi"), "answer": "Hello", "drafts": [], "feedback": told}
    return {"conversation": "c1", "rater": "r1", **row, **fields}


def trl_rows(database: Database, folder: Path) -> dict[str, list[str]]:
    """What TRL would be given of a database, in no order."""
    found = {}
    for name in ("trl-preference", "trl-unpaired", "trl-prompt-completion"):
        path = folder / export.file_name(name)
        with database.read() as session:
            export.write(session, name, path, Order(keep_personal=True))
        found[name] = sorted(path.read_text(encoding="utf-8").splitlines())
    return found


@pytest.mark.parametrize("name", ["jsonl", "parquet"])
def test_our_own_export_comes_back_as_the_same_training_data(
    name: str, database: Database, elsewhere: Database, person: Person, tmp_path: Path
) -> None:
    bad, good = person.ask("Hi", "Go away", "Hello")
    person.rate(bad, -1, ["Style or tone"], "rude")
    person.rate(good, -1)
    person.rate(good, 1)
    [edited] = person.ask("How are you?", "Fien")
    person.edit(edited, "Fine")
    first, second = person.ask("Bye", "Bye", "See you")
    person.choose(second, first)
    person.edit(second, "See you soon")
    database.write(lambda s: feedback.take_back_edit(s, person.id, second.id))
    person.score(second, "dialogue-1", {"natural": 5, "logical": 3})
    other = Person(database)
    other.rate(other.ask("Hi", "Hello")[0], 1)
    path = tmp_path / export.file_name(name)
    with database.read() as session:
        export.write(session, name, path)
    done = store(elsewhere, read(path))
    assert (done.conversations, done.opinions, done.known, done.left_out) == (2, 9, 0, 0)
    assert trl_rows(elsewhere, tmp_path) == trl_rows(database, tmp_path)
    with elsewhere.read() as session:
        found = list(transcripts.read_all(session))
    assert len({t.rater for t in found}) == 2
    assert [score for t in found for score in t.scores().values()] == [0.75]
    assert {a.version for t in found for a in t.answers()} == {VERSION}
    elsewhere.close()


def test_an_installations_own_export_changes_nothing_in_it_and_brings_back_nobody_erased(
    database: Database, home: Home, person: Person, tmp_path: Path
) -> None:
    other = Person(database)
    for who in (person, other):
        who.rate(who.ask("Hi", "Hello")[0], 1)
    path = tmp_path / "jsonl.jsonl"
    with database.read() as session:
        export.write(session, "jsonl", path)
    done = store(database, read(path))
    assert (done.conversations, done.opinions, done.known, done.grown) == (0, 0, 2, 0)
    privacy.erase(database, home, person.id)
    again = store(database, read(path))
    assert (again.conversations, again.known, again.left_out) == (0, 1, 1)
    with database.read() as session:
        assert [t.rater for t in transcripts.read_all(session)] == [other.id]


def test_who_is_erased_is_erased_under_the_name_of_an_import_too(
    database: Database, home: Home, person: Person, tmp_path: Path
) -> None:
    """As where their conversation was lost here, and brought back from an export."""
    path = written(
        tmp_path / "own.jsonl", exported({"kind": "rating", "value": 1}, rater=pseudonym(person.id))
    )
    store(database, read(path))
    with database.read() as session:
        assert counts(session, person.id)["feedback"] == 1
    privacy.erase(database, home, person.id)
    with database.read() as session:
        assert list(transcripts.read_all(session)) == []


@pytest.mark.parametrize(
    ("told", "kept"), [("stop", "stop"), ("length", "length"), ("", "eos"), ("?" * 99, "eos")]
)
def test_an_answer_comes_back_with_how_it_ended(
    told: str, kept: str, elsewhere: Database, tmp_path: Path
) -> None:
    row = exported({"kind": "rating", "value": 1}, stop_reason=told)
    draft = exported(answer="Hallo") | {"drafts": [{"message": "m", "answer": "Hello"}]}
    draft["feedback"] = [{"kind": "choice", "verdict": "better", "other": "m"}]
    store(elsewhere, read(written(tmp_path / "own.jsonl", draft, row)))
    with elsewhere.read() as session:
        [found] = transcripts.read_all(session)
    assert {a.text: a.stop_reason for a in found.answers()} == {"Hallo": "eos", "Hello": kept}
    elsewhere.close()


def test_a_file_that_comes_twice_is_there_once(elsewhere: Database, tmp_path: Path) -> None:
    rows = [
        {
            "prompt": said("user", "Hi"),
            "completion": said("assistant", text),
            "label": text == "Yes",
        }
        for text in ("Yes", "No", "Yes")
    ]
    path = written(tmp_path / "kto.jsonl", *rows)
    done = store(elsewhere, read(path))
    again = store(elsewhere, read(path))
    assert (done.conversations, done.known) == (2, 1)
    assert (again.conversations, again.known) == (0, 3)
    elsewhere.close()


def test_a_later_export_adds_what_was_said_since(
    database: Database, elsewhere: Database, person: Person, tmp_path: Path
) -> None:
    first, second = person.ask("Hi", "Go away", "Hello")
    person.rate(first, 1, ["Other"])
    person.edit(first, "Go on")
    [follow_up] = person.ask("Why?", "Because")
    paths = [tmp_path / "early.jsonl", tmp_path / "late.jsonl"]
    with database.read() as session:
        export.write(session, "jsonl", paths[0])
    person.rate(first, -1, ["Style or tone"])
    person.rate(first, 1, ["Other"])
    person.choose(second, first)
    person.rate(follow_up, 1)
    person.rate(person.ask("Bye", "See you")[0], 1)
    with database.read() as session:
        export.write(session, "jsonl", paths[1])
    found = [store(elsewhere, read(path)) for path in (*paths, *paths)]
    assert [(done.opinions, done.known, done.grown) for done in found] == [
        (2, 0, 0), (5, 1, 1), (0, 1, 0), (0, 1, 0),
    ]  # fmt: skip
    assert trl_rows(elsewhere, tmp_path) == trl_rows(database, tmp_path)
    elsewhere.close()


def test_rows_of_one_conversation_need_not_stand_together(
    elsewhere: Database, tmp_path: Path
) -> None:
    liked = {"kind": "rating", "value": 1}
    path = written(
        tmp_path / "data.jsonl",
        exported(liked, answer="Hello"),
        exported(liked, answer="Hello", conversation="c2"),
        exported(liked, answer="Good day"),
    )
    done = store(elsewhere, read(path))
    assert (done.conversations, done.opinions, done.known, done.grown) == (2, 3, 1, 1)
    elsewhere.close()


def test_an_answer_that_comes_later_keeps_its_own_prompt_beside_an_edit(
    elsewhere: Database, tmp_path: Path
) -> None:
    edited = exported({"kind": "edit", "text": "Good day"})
    turns = [*said("user", "Hi"), *said("assistant", "Hello"), *said("user", "Why?")]
    liked = exported({"kind": "rating", "value": 1}, answer="Because")
    for name, row in (("early", edited), ("late", {**liked, "prompt": turns})):
        store(elsewhere, read(written(tmp_path / f"{name}.jsonl", row)))
    rows = map(json.loads, trl_rows(elsewhere, tmp_path)["trl-unpaired"])
    assert [row["prompt"] for row in rows if row["completion"][0]["content"] == "Because"] == [
        turns
    ]
    elsewhere.close()


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Hi", "chosen": "Hello", "rejected": "Go away"},
        {
            "prompt": said("user", "Hi"),
            "chosen": said("assistant", "Hello"),
            "rejected": said("assistant", "Go away"),
        },
        {
            "chosen": said("user", "Hi") + said("assistant", "Hello"),
            "rejected": said("user", "Hi") + said("assistant", "Go away"),
        },
    ],
    ids=["plain", "conversational", "implicit"],
)
def test_trls_preferences_come_in_whatever_their_form(
    row: dict[str, Any], elsewhere: Database, tmp_path: Path
) -> None:
    store(elsewhere, read(written(tmp_path / "dpo.jsonl", row)))
    [line] = trl_rows(elsewhere, tmp_path)["trl-preference"]
    assert json.loads(line) == {
        "prompt": said("user", "Hi"),
        "chosen": said("assistant", "Hello"),
        "rejected": said("assistant", "Go away"),
    }
    elsewhere.close()


def test_what_was_imported_is_enough_to_fit_a_reward_head(
    elsewhere: Database, tmp_path: Path
) -> None:
    rows = [
        {"prompt": f"{n}?", "completion": "yes" if n % 2 else "no", "label": bool(n % 2)}
        for n in range(24)
    ]
    store(elsewhere, read(written(tmp_path / "kto.jsonl", *rows)))
    with elsewhere.read() as session:
        targets = build(transcripts.read_rated(session))
    assert targets.labels == 24 >= TrainingConfig().min_labels
    assert {r.target for r in targets.rated} == {0.0, 1.0}
    elsewhere.close()


def test_rows_that_have_no_place_here_are_counted(elsewhere: Database, tmp_path: Path) -> None:
    path = written(
        tmp_path / "kto.jsonl",
        {
            "prompt": said("system", "Be kind") + said("user", "Hi"),
            "completion": "Hi",
            "label": True,
        },
        {"prompt": said("user", "Hi"), "completion": " ", "label": True},
        {"prompt": "Hi", "completion": "Hello", "label": True},
    )
    done = store(elsewhere, read(path))
    assert (done.conversations, done.left_out) == (1, 2)
    elsewhere.close()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"prompt": "Hi", "completion": "Hello", "label": true}\n{"a', "Line 2 of"),
        ("[1]\n", "is no row"),
        ('{"prompt": "Hi", "completion": "Hello", "label": 1}\n', "neither true nor false"),
        ('{"prompt": 3, "chosen": "a", "rejected": "b"}\n', "Row 1 is neither"),
        ('{"text": "Hi"}\n', "KeyError"),
    ],
)
def test_a_file_that_is_something_else_is_refused_and_leaves_nothing(
    text: str, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(text, encoding="utf-8")
    home = tmp_path / "data"
    assert imports.main([str(path)], {"HITL_DATA_DIR": str(home)}) == 2
    assert line in capsys.readouterr().err
    assert not home.exists()


@pytest.mark.parametrize(
    ("opinion", "line"),
    [
        ({"kind": "rating", "value": -1, "reasons": ["Dull"]}, "Unknown reason 'Dull'"),
        ({"kind": "rating", "value": 3}, "The rating is 3"),
        ({"kind": "rating"}, "KeyError: 'value'"),
        ({"kind": "scores", "guideline": "dialogue-1", "scores": '{"natural": 9}'}, "score is 9"),
        ({"kind": "scores", "guideline": "dialogue-1", "scores": "{"}, "unexpected end"),
        ({"kind": "edit", "text": " "}, "edited answer is empty"),
        ({"kind": "choice", "verdict": "best"}, "verdict is 'best'"),
    ],
)
def test_an_opinion_that_cannot_be_taken_is_named_by_its_row_before_anything_is_stored(
    opinion: dict[str, Any], line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = exported({"kind": "rating", "value": 1}, conversation="c0")
    path = written(tmp_path / "data.jsonl", good, exported(opinion))
    home = tmp_path / "data"
    assert imports.main([str(path)], {"HITL_DATA_DIR": str(home)}) == 2
    error = capsys.readouterr().err
    assert error.startswith("Row 2 ")
    assert line in error
    assert error.count("\n") == 1
    assert not home.exists()


def test_a_database_that_takes_nothing_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "data.jsonl", exported({"kind": "rating", "value": 1}))
    env = {"HITL_DATA_DIR": str(tmp_path / "data")}
    database = Database.open(Home.from_env(env))
    database.write(lambda s: s.execute(text("ALTER TABLE raters RENAME TO others")).close())
    database.close()
    assert imports.main([str(path)], env) == 2
    assert capsys.readouterr().err.startswith("Not saved: the database says")


def test_the_command_says_what_it_took_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "kto.jsonl", {"prompt": "Hi", "completion": "Hello", "label": True})
    assert imports.main([str(path)], {"HITL_DATA_DIR": str(tmp_path / "data")}) == 0
    assert capsys.readouterr().out.startswith("1 opinions in 1 conversations imported; 0 were")
    assert imports.main([str(path)], {"HITL_DATA_DIR": str(tmp_path / "data")}) == 0
    assert capsys.readouterr().out.startswith(
        "0 opinions in 0 conversations imported; 1 were there before, 0 of them with less; 0 rows"
    )
    assert imports.main([str(tmp_path / "no")], {"HITL_DATA_DIR": str(tmp_path / "data")}) == 2
    assert "can't be read" in capsys.readouterr().err
