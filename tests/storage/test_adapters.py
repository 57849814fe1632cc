import pytest
from sqlalchemy.orm import Session

from storage import adapters
from storage.database import Database
from storage.home import Home
from storage.models import BASE_VERSION


def promote(database: Database, version: str) -> None:
    def work(s: Session) -> None:
        adapters.add(s, version, adapters.served(s), "tiny", None)
        adapters.serve(s, version, "promoted")

    database.write(work)


def roll_back(database: Database, version: str | None = None) -> str:
    return database.write(lambda s: adapters.roll_back(s, version))


def served(database: Database) -> str:
    with database.read() as s:
        return adapters.served(s)


def test_the_base_serves_until_something_else_does(database: Database) -> None:
    assert served(database) == BASE_VERSION
    promote(database, "v1")
    assert served(database) == "v1"


def test_rolling_back_goes_one_version_back_each_time(database: Database) -> None:
    for version in ("v1", "v2", "v3"):
        promote(database, version)
    assert [roll_back(database) for _ in range(3)] == ["v2", "v1", BASE_VERSION]
    with pytest.raises(ValueError, match="nothing before it"):
        roll_back(database)


def test_a_version_that_was_left_is_not_what_a_later_roll_back_finds(database: Database) -> None:
    promote(database, "v1")
    promote(database, "bad")
    roll_back(database)
    promote(database, "v3")
    assert roll_back(database) == "v1"


def test_rolling_back_adds_to_the_history(database: Database) -> None:
    promote(database, "v1")
    promote(database, "v2")
    roll_back(database, BASE_VERSION)
    with database.read() as s:
        rows = [(row.version, row.reason) for row in adapters.history(s)]
    assert rows == [
        (BASE_VERSION, "rolled back by hand from v2"),
        ("v2", "promoted"),
        ("v1", "promoted"),
    ]


def test_a_version_can_be_named_to_go_forward_again(database: Database) -> None:
    promote(database, "v1")
    promote(database, "v2")
    roll_back(database)
    assert roll_back(database, "v2") == "v2"
    assert roll_back(database) == "v1"


def test_unknown_and_serving_versions_are_refused(database: Database) -> None:
    promote(database, "v1")
    with pytest.raises(ValueError, match="Unknown version 'v9'"):
        roll_back(database, "v9")
    with pytest.raises(ValueError, match="'v1' serves already"):
        roll_back(database, "v1")
    with pytest.raises(ValueError, match="Unknown version"):
        database.write(lambda s: adapters.serve(s, "v9", "why not"))
    assert served(database) == "v1"


def test_versions_come_newest_first_with_where_they_are_from(database: Database) -> None:
    promote(database, "v1")
    promote(database, "v2")
    with database.read() as s:
        assert [(a.version, a.parent) for a in adapters.versions(s)] == [
            ("v2", "v1"),
            ("v1", BASE_VERSION),
        ]
        assert adapters.get(s, "v9") is None


def test_the_command_lists_and_rolls_back(
    home: Home, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    env = {"HITL_DATA_DIR": str(home.folder)}
    for version in ("v1", "v2"):
        promote(database, version)
        (home.adapters / version).mkdir()
    assert adapters.main(["--list"], env) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in listed[:2]] == [["base"], ["v1", "from"]]
    assert listed[2].startswith("* v2  from v1  made 20")
    assert adapters.main(["--roll-back"], env) == 0
    assert served(database) == "v1"
    assert adapters.main(["--roll-back", "base"], env) == 0
    assert served(database) == BASE_VERSION


def test_the_command_refuses_in_one_line(
    home: Home, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    env = {"HITL_DATA_DIR": str(home.folder)}
    promote(database, "swept")
    promote(database, "v2")
    for argv, line in (
        (["--roll-back", "v9"], "Unknown version 'v9'"),
        (["--roll-back"], "'swept' has no folder any more"),
    ):
        assert adapters.main(argv, env) == 2
        said = capsys.readouterr().err
        assert line in said
        assert said.count("\n") == 1
    assert served(database) == "v2"


def test_listing_without_a_database_shows_the_base_and_makes_none(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert adapters.main(["--list"], {"HITL_DATA_DIR": str(home.folder)}) == 0
    said = capsys.readouterr()
    assert said.out.startswith("* base\n")
    assert "No database at" in said.err
    assert not (home.folder / "feedback.db").exists()
