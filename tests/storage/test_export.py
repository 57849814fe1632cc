import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from storage import export, feedback
from storage.database import Database
from storage.home import Home
from tests.conftest import env_of, on_sqlite
from tests.storage.people import Person

LOADER = Path(__file__).with_name("load_dataset.py")
MESSAGES = "List({'role': Value('string'), 'content': Value('string')})"


def rows(database: Database, name: str, folder: Path) -> list[dict[str, Any]]:
    path = folder / f"{name}.jsonl"
    with database.read() as session:
        written = export.write(session, name, path)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert written == len(lines)
    return lines


def said(*texts: str) -> list[dict[str, str]]:
    """These turns, a person's first."""
    roles = ("user", "assistant") * len(texts)
    return [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]


def answered(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def load(folder: Path, *files: Path) -> dict[str, Any]:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hub")}
    command = [sys.executable, str(LOADER), str(folder / "cache"), *map(str, files)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded: dict[str, Any] = json.loads(done.stdout)
    return loaded


# Preference


def test_a_choice_is_a_pair(database: Database, person: Person, tmp_path: Path) -> None:
    worse, better = person.ask("Hi", "Go away", "Hello")
    person.choose(better, worse)
    assert rows(database, "trl-preference", tmp_path) == [
        {"prompt": said("Hi"), "chosen": answered("Hello"), "rejected": answered("Go away")}
    ]


def test_only_the_newest_choice_between_two_drafts_counts(
    database: Database, person: Person, tmp_path: Path
) -> None:
    first, second = person.ask("Hi", "Hello", "Good day")
    person.choose(first, second)
    person.choose(second, first)
    [row] = rows(database, "trl-preference", tmp_path)
    assert row["chosen"] == answered("Good day")
    person.choose(first, second, "both_bad")
    assert rows(database, "trl-preference", tmp_path) == []


def test_an_edit_is_preferred_to_what_it_edits(
    database: Database, person: Person, tmp_path: Path
) -> None:
    [answer] = person.ask("Hi", "Helo")
    person.edit(answer, "Hallo")
    person.edit(answer, "Hello")
    assert rows(database, "trl-preference", tmp_path) == [
        {"prompt": said("Hi"), "chosen": answered("Hello"), "rejected": answered("Helo")}
    ]
    assert rows(database, "trl-prompt-completion", tmp_path) == [
        {"prompt": said("Hi"), "completion": answered("Hello")}
    ]


def test_an_edit_that_changes_nothing_says_nothing(
    database: Database, person: Person, tmp_path: Path
) -> None:
    [answer] = person.ask("Hi", "Hello")
    person.edit(answer, "Hello")
    for name in ("trl-preference", "trl-unpaired", "trl-prompt-completion"):
        assert rows(database, name, tmp_path) == []


def test_a_liked_draft_is_preferred_to_a_disliked_one_beside_it(
    database: Database, person: Person, tmp_path: Path
) -> None:
    bad, good, _unrated = person.ask("Hi", "Go away", "Hello", "Hm")
    other = person.ask("Bye", "See you")[0]
    person.rate(bad, -1)
    person.rate(good, 1)
    person.rate(other, 1)
    [row] = rows(database, "trl-preference", tmp_path)
    assert (row["chosen"], row["rejected"]) == (answered("Hello"), answered("Go away"))


def test_drafts_that_were_compared_are_not_paired_again_by_thumbs(
    database: Database, person: Person, tmp_path: Path
) -> None:
    first, second = person.ask("Hi", "Hello", "Good day")
    person.rate(first, 1)
    person.rate(second, -1)
    person.choose(second, first)
    [row] = rows(database, "trl-preference", tmp_path)
    assert row["chosen"] == answered("Good day")


def test_equal_drafts_make_no_pair(database: Database, person: Person, tmp_path: Path) -> None:
    first, second = person.ask("Hi", "Hello", "Hello")
    person.choose(first, second)
    assert rows(database, "trl-preference", tmp_path) == []


# Unpaired, prompt and completion


def test_only_the_newest_rating_counts_and_one_taken_back_does_not(
    database: Database, person: Person, tmp_path: Path
) -> None:
    [kept] = person.ask("One?", "1")
    [back] = person.ask("Two?", "2")
    [never] = person.ask("Three?", "3")
    person.rate(kept, 1)
    person.rate(kept, -1)
    person.rate(back, 1)
    person.rate(back, 0)
    assert never.text == "3"
    assert rows(database, "trl-unpaired", tmp_path) == [
        {"prompt": said("One?"), "completion": answered("1"), "label": False}
    ]
    assert rows(database, "trl-prompt-completion", tmp_path) == []


# Everything


def test_the_raw_form_holds_every_answer_with_all_that_was_said_of_it(
    database: Database, person: Person, tmp_path: Path
) -> None:
    first, second = person.ask("Hi", "Helo", "Hello")
    person.rate(first, -1, ["Style or tone"], "typo")
    person.rate(first, 0)
    person.edit(first, "Hello!")
    person.choose(second, first)
    database.write(lambda s: feedback.signal(s, person.id, first.id, "dwell_ms", 900.0))
    one, two = rows(database, "jsonl", tmp_path)
    assert (one["prompt"], one["answer"], two["answer"]) == (said("Hi"), "Helo", "Hello")
    assert [draft["answer"] for draft in one["drafts"]] == ["Helo", "Hello"]
    told = [(row["kind"], row["value"], row["text"], row["verdict"]) for row in one["feedback"]]
    assert told == [("rating", -1, "", ""), ("rating", 0, "", ""), ("edit", 0, "Hello!", "")]
    assert (one["feedback"][0]["reasons"], one["feedback"][0]["comment"]) == (
        ["Style or tone"],
        "typo",
    )
    assert (two["feedback"][0]["verdict"], two["feedback"][0]["other"]) == ("better", first.id)
    assert [(row["kind"], row["amount"]) for row in one["signals"]] == [("dwell_ms", 900.0)]
    assert (one["version"], one["seed"], one["stop_reason"]) == ("base", 7, "eos")
    assert json.loads(one["sampling"]) == {"temperature": 0.7}
    assert (one["prompt_tokens"], one["first_token_ms"], one["duration_ms"]) == (3, 5.0, 6.5)


def test_no_export_names_a_rater(database: Database, person: Person, tmp_path: Path) -> None:
    first, second = person.ask("Hi", "Hello", "Good day")
    person.rate(first, 1)
    person.choose(first, second)
    for name in export.FORMATS:
        assert person.id not in json.dumps(rows(database, name, tmp_path))


# Files


def test_each_format_loads_with_exactly_its_columns(
    database: Database, person: Person, tmp_path: Path
) -> None:
    bad, good = person.ask("Hi", "Go away", "Grüß Gott, “friend” \u2028 🙂")
    person.rate(bad, -1, ["Style or tone"], "rude")
    person.rate(good, 1)
    person.ask("2026-11-23", "12")
    exported = {name: rows(database, name, tmp_path) for name in export.FORMATS}
    loaded = load(tmp_path, *[tmp_path / f"{name}.jsonl" for name in export.FORMATS])
    columns = {Path(file).stem: data["columns"] for file, data in loaded.items()}
    assert columns["trl-preference"] == dict.fromkeys(("prompt", "chosen", "rejected"), MESSAGES)
    assert columns["trl-unpaired"] == {
        "prompt": MESSAGES,
        "completion": MESSAGES,
        "label": "Value('bool')",
    }
    assert columns["trl-prompt-completion"] == dict.fromkeys(("prompt", "completion"), MESSAGES)
    assert list(columns["jsonl"]) == list(exported["jsonl"][0])
    for file, data in loaded.items():
        if Path(file).stem != "jsonl":  # there, times come back as times
            assert data["rows"] == exported[Path(file).stem]
        assert len(data["rows"]) == len(exported[Path(file).stem]) > 0


@on_sqlite  # PostgreSQL takes no broken JSON in the first place
def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    database: Database, person: Person, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    path = folder / "data.jsonl"
    path.write_text("old")
    person.rate(person.ask("Hi", "Hello")[0], 1)
    database.write(lambda s: s.execute(text("UPDATE feedback SET reasons = '{'")).close())
    with database.read() as session, pytest.raises(ValueError, match="property name"):
        export.write(session, "trl-unpaired", path)
    assert [(file.name, file.read_text()) for file in folder.iterdir()] == [("data.jsonl", "old")]


def test_an_unknown_format_is_refused(database: Database, tmp_path: Path) -> None:
    with database.read() as session, pytest.raises(ValueError, match="Use one of trl-preference"):
        export.write(session, "csv", tmp_path / "x")


def test_the_command_names_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    assert export.main(["--list"], {}) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(export.FORMATS)


def test_the_command_writes_one_format(
    home: Home, person: Person, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    person.rate(person.ask("Hi", "Hello")[0], 1)
    out = tmp_path / "kto.jsonl"
    argv = ["--format", "trl-unpaired", "--out", str(out)]
    assert export.main(argv, env_of(home)) == 0
    assert capsys.readouterr().out == f"1 rows written to {out}\n"
    assert json.loads(out.read_text(encoding="utf-8"))["label"] is True


def test_the_command_refuses_in_one_line(
    home: Home, person: Person, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    person.say("Hi")
    here = env_of(home)
    good = str(tmp_path / "x.jsonl")
    for argv, env, line in (
        ([], here, "Give --format NAME"),
        (["--format", "csv", "--out", good], here, "Unknown format 'csv'"),
        (["--format", "jsonl", "--out", str(tmp_path)], here, "is a folder"),
        (["--format", "jsonl", "--out", ""], here, "is a folder"),
        (["--format", "jsonl", "--out", str(tmp_path / "no" / "x")], here, "can't be written"),
        (["--format", "jsonl", "--out", good], {"HITL_DATA_DIR": str(tmp_path)}, "No database at"),
    ):
        assert export.main(argv, env) == 2
        captured = capsys.readouterr()
        assert line in captured.err
        assert captured.err.count("\n") == 1
        assert captured.out == ""
    assert not Path(good).exists()
