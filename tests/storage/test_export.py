import json
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from sqlalchemy import text

from storage import export, feedback
from storage.database import Database
from storage.export import EVERYTHING, Order
from storage.home import Home
from storage.models import Message
from storage.records import pseudonym
from storage.selection import Selection, Split
from tests.conftest import env_of, on_sqlite
from tests.storage.people import Person

LOADER = Path(__file__).with_name("load_dataset.py")
MESSAGES = "List({'role': Value('string'), 'content': Value('string')})"


def rows(
    database: Database, name: str, folder: Path, order: Order = EVERYTHING
) -> list[dict[str, Any]]:
    path = folder / export.file_name(name)
    with database.read() as session:
        written = export.write(session, name, path, order)
    lines = read(path)
    assert written.rows == {path: len(lines)}
    return lines


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        found: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
        return found
    text = path.read_text(encoding="utf-8")
    lines = json.loads(text) if path.suffix == ".json" else map(json.loads, text.splitlines())
    return list(lines)


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
        assert person.id not in json.dumps(rows(database, name, tmp_path), default=str)


# Files


COLUMNS = {
    "trl-preference": dict.fromkeys(("prompt", "chosen", "rejected"), MESSAGES),
    "trl-preference-implicit": dict.fromkeys(("chosen", "rejected"), MESSAGES),
    "trl-unpaired": {"prompt": MESSAGES, "completion": MESSAGES, "label": "Value('bool')"},
    "trl-prompt-completion": dict.fromkeys(("prompt", "completion"), MESSAGES),
    "trl-prompt-only": {"prompt": MESSAGES},
    "trl-language-modeling": {"messages": MESSAGES},
}


def test_each_format_loads_in_datasets_with_exactly_its_columns(
    database: Database, person: Person, tmp_path: Path
) -> None:
    bad, good = person.ask("Hi", "Go away", "Grüß Gott, “friend” \u2028 🙂")
    person.rate(bad, -1, ["Style or tone"], "rude")
    person.rate(good, 1)
    person.ask("2026-11-23", "12")
    exported = {name: rows(database, name, tmp_path) for name in export.FORMATS}
    loaded = load(tmp_path, *[tmp_path / export.file_name(name) for name in export.FORMATS])
    for file, data in loaded.items():
        name = Path(file).stem
        assert data["columns"] == COLUMNS.get(name, data["columns"])
        assert list(data["columns"]) == list(exported[name][0])
        assert len(data["rows"]) == len(exported[name]) > 0
        if name in COLUMNS:  # elsewhere times come back as times, and rows get each other's keys
            assert data["rows"] == exported[name]


def test_a_million_characters_in_one_answer_fit_in_parquet(
    database: Database, person: Person, tmp_path: Path
) -> None:
    person.ask("Hi", "long " * 250_000)
    [row] = rows(database, "parquet", tmp_path)
    assert len(row["answer"]) == 1_250_000


def test_parquet_holds_what_json_lines_hold(
    database: Database, person: Person, tmp_path: Path
) -> None:
    answer, _ = person.ask("Hi", "Hello", "Good day")
    person.rate(answer, -1, ["Other"], "no")
    database.write(lambda s: feedback.signal(s, person.id, answer.id, "copy", 5.0))
    plain, typed = (rows(database, name, tmp_path) for name in ("jsonl", "parquet"))
    for one, other in zip(plain, typed, strict=True):
        assert other["created_at"] == datetime.fromisoformat(one["created_at"])
        times = {"created_at": None}
        for kind in ("feedback", "signals"):
            assert [x | times for x in other.pop(kind)] == [x | times for x in one.pop(kind)]
        assert other | times == one | times


# Choosing, splitting


def days(answer: Message, *, before: int = 0, after: int = 0) -> Selection:
    """Answers up to so many seconds before or after this one."""
    return Selection(
        since=answer.created_at - timedelta(seconds=before),
        until=answer.created_at + timedelta(seconds=after),
    )


def test_a_selection_by_time_begins_with_its_start_and_ends_before_its_end(
    database: Database, person: Person, tmp_path: Path
) -> None:
    [answer] = person.ask("Hi", "Hello")
    for selection, number in (
        (days(answer, after=1), 1),
        (days(answer), 0),
        (days(answer, before=1), 0),
    ):
        assert len(rows(database, "jsonl", tmp_path, Order(selection))) == number


def test_a_selection_by_version_or_rater_speaks_of_nobody_else(
    database: Database, person: Person, tmp_path: Path
) -> None:
    other = Person(database)
    question = person.say("Hi")
    person.rate(person.answer(question, "Hello", version="v2"), 1)
    person.rate(person.answer(question, "Go away"), -1)
    other.rate(other.ask("Hi", "Good day")[0], 1)

    def answers(**chosen: frozenset[str]) -> list[str]:
        order = Order(Selection(**chosen))  # type: ignore[arg-type]
        return [row["answer"] for row in rows(database, "jsonl", tmp_path, order)]

    assert answers(versions=frozenset({"v2"})) == ["Hello"]
    assert answers(raters=frozenset({other.id})) == ["Good day"]
    assert answers(raters=frozenset({pseudonym(other.id)})) == ["Good day"]
    only = Order(Selection(versions=frozenset({"v2"})))
    assert rows(database, "trl-preference", tmp_path, only) == []


def test_what_people_disagree_about_can_be_left_out(
    database: Database, person: Person, tmp_path: Path
) -> None:
    for who, value in ((person, 1), (Person(database), 1), (Person(database), -1)):
        who.rate(who.ask("Hi", "Hello")[0], value)
        who.rate(who.ask("Bye", "See you")[0], 1)
    texts = {
        share: {
            row["completion"][0]["content"]
            for row in rows(
                database, "trl-unpaired", tmp_path, Order(Selection(min_agreement=share))
            )
        }
        for share in (0.6, 0.7)
    }
    assert texts == {0.6: {"Hello", "See you"}, 0.7: {"See you"}}


def test_equal_rows_are_written_once_and_records_always(
    database: Database, person: Person, tmp_path: Path
) -> None:
    for who in (person, Person(database)):
        who.rate(who.ask("Hi", "Hello")[0], 1)
    assert len(rows(database, "trl-unpaired", tmp_path)) == 1
    assert len(rows(database, "argilla", tmp_path)) == 2


def test_a_split_divides_no_conversation_and_no_person(
    database: Database, person: Person, tmp_path: Path
) -> None:
    for _ in range(40):
        who = Person(database)
        who.ask("One?", "1")
        who.ask("Two?", "2")
    for by, key in (("conversation", "conversation"), ("person", "rater")):
        order = Order(split=Split(0.3, by))
        with database.read() as session:
            written = export.write(session, "jsonl", tmp_path / "all.jsonl", order)
        train, test = ({row[key] for row in read(path)} for path in written.rows)
        assert [path.name for path in written.rows] == ["all.train.jsonl", "all.test.jsonl"]
        assert not train & test
        assert len(train | test) == 40
        assert 4 <= len(test) <= 20
        assert sum(written.rows.values()) == 80


def test_a_row_on_one_side_of_a_split_is_not_on_the_other(
    database: Database, person: Person, tmp_path: Path
) -> None:
    for _ in range(20):
        who = Person(database)
        who.rate(who.ask("Hi", "Hello")[0], 1)
    with database.read() as session:
        order = Order(split=Split(0.5))
        written = export.write(session, "trl-unpaired", tmp_path / "x.jsonl", order)
    assert sorted(written.rows.values()) == [0, 1]


def test_the_same_feedback_makes_the_same_bytes(
    database: Database, person: Person, tmp_path: Path
) -> None:
    for number in range(5):
        person.rate(person.ask(f"{number}?", str(number), "no")[0], 1)
    for name in export.FORMATS:
        for path in (tmp_path / "one", tmp_path / "two"):
            with database.read() as session:
                export.write(session, name, path)
        assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


# Personal data


def test_personal_data_are_replaced_wherever_they_stand_and_counted(
    database: Database, person: Person, tmp_path: Path
) -> None:
    mail = "ann@example.org"
    first, second = person.ask(f"Write to {mail}", f"To {mail}?", "Done")
    person.rate(first, -1, comment=f"not {mail}")
    person.edit(first, f"Written to {mail}")
    person.choose(second, first)
    for name in export.FORMATS:
        path = tmp_path / export.file_name(name)
        with database.read() as session:
            written = export.write(session, name, path)
            assert written.replaced == {"email": 4}
            assert mail not in json.dumps(read(path), default=str)
            assert "[email]" in json.dumps(read(path), default=str)
            export.write(session, name, path, Order(keep_personal=True))
            assert mail in json.dumps(read(path), default=str)


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
    with database.read() as session, pytest.raises(ValueError, match="line 1 column 2"):
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


def test_the_command_writes_every_format(
    home: Home, person: Person, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    person.rate(person.ask("Hi", "Hello")[0], 1)
    assert export.main(["--all", str(tmp_path)], env_of(home)) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(export.FORMATS)
    assert all((tmp_path / export.file_name(name)).is_file() for name in export.FORMATS)


def test_the_command_takes_every_choice_and_tells_what_it_replaced(
    home: Home, person: Person, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    person.rate(person.ask("I am ann@example.org", "Hello")[0], 1)
    out = tmp_path / "data.jsonl"
    argv = ["--format", "jsonl", "--out", str(out), "--since", "2020-01-01", "--version", "base"]
    argv += ["--until", "2999-01-01T00:00:00+02:00", "--rater", person.id, "--by", "person"]
    argv += ["--min-agreement", "0.9", "--test", "1"]
    assert export.main(argv, env_of(home)) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"0 rows written to {tmp_path / 'data.train.jsonl'}",
        f"1 rows written to {tmp_path / 'data.test.jsonl'}",
        "Personal data replaced: 1 email",
    ]


def test_the_command_refuses_in_one_line(
    home: Home, person: Person, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    person.say("Hi")
    here = env_of(home)
    good = str(tmp_path / "x.jsonl")
    for argv, env, line in (
        ([], here, "Give --format NAME"),
        (["--format", "csv", "--out", good], here, "Unknown format 'csv'"),
        (["--format", "jsonl", "--out", good, "--since", "May"], here, "--since is 'May'"),
        (["--format", "jsonl", "--out", good, "--test", "20"], here, "--test is 20"),
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
