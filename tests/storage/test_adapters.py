import pytest
from sqlalchemy.orm import Session

from storage import adapters
from storage.database import Database
from storage.home import Home
from storage.models import BASE_VERSION
from tests.conftest import env_of, on_sqlite


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


def trial(database: Database) -> tuple[str, str] | None:
    with database.read() as s:
        found = adapters.on_trial(s)
    return (found.version, found.against) if found else None


def test_a_version_is_on_trial_against_the_one_it_replaced_until_it_is_kept(
    database: Database,
) -> None:
    assert trial(database) is None
    promote(database, "v1")
    assert trial(database) == ("v1", BASE_VERSION)
    database.write(lambda s: adapters.keep(s, "people like it"))
    assert trial(database) is None
    assert served(database) == "v1"
    promote(database, "v2")
    assert trial(database) == ("v2", "v1")
    assert roll_back(database) == "v1"
    assert trial(database) is None


def test_a_version_that_serves_again_goes_on_with_its_trial(database: Database) -> None:
    promote(database, "v1")
    with database.read() as s:
        begun = adapters.on_trial(s)
    promote(database, "v2")
    roll_back(database)
    with database.read() as s:
        assert adapters.on_trial(s) == begun


def test_a_version_that_was_left_and_is_named_again_is_tried_anew(database: Database) -> None:
    promote(database, "v1")
    roll_back(database)
    assert trial(database) is None
    roll_back(database, "v1")
    assert trial(database) == ("v1", BASE_VERSION)


def test_keeping_a_version_changes_nothing_of_what_a_roll_back_finds(database: Database) -> None:
    promote(database, "v1")
    promote(database, "v2")
    database.write(lambda s: adapters.keep(s, "people like it"))
    assert roll_back(database) == "v1"


def test_a_roll_back_can_say_why(database: Database) -> None:
    promote(database, "v1")
    database.write(lambda s: adapters.roll_back(s, reason="nobody likes it"))
    with database.read() as s:
        assert adapters.history(s)[0].reason == "nobody likes it"


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
    env = env_of(home)
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
    env = env_of(home)
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


@on_sqlite
def test_listing_without_a_database_shows_the_base_and_makes_none(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert adapters.main(["--list"], {"HITL_DATA_DIR": str(home.folder)}) == 0
    said = capsys.readouterr()
    assert said.out.startswith("* base\n")
    assert "No database at" in said.err
    assert not (home.folder / "feedback.db").exists()
