import json
from pathlib import Path

import pytest
from sqlalchemy import text

from storage import export
from storage.database import Database
from storage.export import Order
from storage.home import Home
from tests.conftest import env_of, on_sqlite
from tests.storage.exported import read
from tests.storage.people import Person


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
    new = tmp_path / "new" / "folder"
    for argv, folder in ((["--all"], home.exports), (["--all", str(new)], new)):
        assert export.main(argv, env_of(home)) == 0
        assert len(capsys.readouterr().out.splitlines()) == len(export.FORMATS)
        assert all((folder / export.file_name(name)).is_file() for name in export.FORMATS)


def test_the_command_takes_every_choice_and_tells_what_it_replaced(
    home: Home, person: Person, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = person.ask("I am ann@example.org", "Hello")[0]
    person.rate(answer, 1)
    person.score(answer, "dialogue-1", {"natural": 4})
    out = tmp_path / "data.jsonl"
    argv = ["--format", "jsonl", "--out", str(out), "--since", "2020-01-01", "--version", "base"]
    argv += ["--until", "2999-01-01T00:00:00+02:00", "--rater", person.id, "--by", "person"]
    argv += ["--min-agreement", "0.9", "--test", "1", "--task", "dialogue"]
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
    file = tmp_path / "file"
    file.touch()
    for argv, env, line in (
        ([], here, "Give --format NAME"),
        (["--format", "csv", "--out", good], here, "Unknown format 'csv'"),
        (["--format", "jsonl", "--out", good, "--since", "May"], here, "--since is 'May'"),
        (["--format", "jsonl", "--out", good, "--test", "20"], here, "--test is 20"),
        (["--format", "jsonl", "--out", str(tmp_path)], here, "is a folder"),
        (["--format", "jsonl", "--out", ""], here, "is a folder"),
        (["--format", "jsonl", "--out", str(tmp_path / "no" / "x")], here, "Name another --out."),
        (["--all", str(file)], here, "Name another --all."),
        (["--all", str(tmp_path / "y")], {"HITL_DATA_DIR": str(tmp_path)}, "No database at"),
        (["--format", "jsonl", "--out", good], {"HITL_DATA_DIR": str(tmp_path)}, "No database at"),
    ):
        assert export.main(argv, env) == 2
        captured = capsys.readouterr()
        assert line in captured.err
        assert captured.err.count("\n") == 1
        assert captured.out == ""
    assert not Path(good).exists()
    assert not (tmp_path / "y").exists()
