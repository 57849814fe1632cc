import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from storage.database import Database
from storage.sqlite import (
    MIGRATOR,
    DatabaseUnusable,
    choose_library,
    make_engine,
    scrub,
    wal_reset_fixed,
)
from tests.storage.test_privacy import CANARY

ROOT = Path(__file__).parents[2]
SCRUBS_IN_A_QUARTER = """
import sys
import time
from sqlalchemy.engine import URL
from storage.sqlite import MIGRATOR, make_engine, scrub
engine = make_engine(URL.create("sqlite", database=sys.argv[1]), MIGRATOR)
with engine.connect() as connection:
    connection.exec_driver_sql(f"PRAGMA hard_heap_limit={int(sys.argv[2]) // 4}")
assert scrub(engine)
"""
GREEDY = """
import sys
import time
from pathlib import Path
from storage.sqlite import choose_library
library = choose_library()
raw = library.connect(sys.argv[1], isolation_level=None, timeout=0)
raw.execute("PRAGMA synchronous=OFF")
print("ready", flush=True)
done = 0
while not Path(sys.argv[2]).exists():
    try:
        raw.execute("INSERT INTO rows (body) VALUES ('meanwhile')")
        done += 1
    except library.OperationalError:
        pass
print(done)
"""
"""Never waits its turn, so it gets in wherever there is a gap; tells in the end how many rows it has stored."""


@pytest.fixture
def address() -> str:
    """The file's own; PostgreSQL has claims of its own."""
    return ""


def library(version: str) -> ModuleType:
    module: Any = ModuleType("library")
    module.sqlite_version = version
    module.sqlite_version_info = tuple(int(part) for part in version.split("."))
    return module  # type: ignore[no-any-return]


@pytest.mark.parametrize("version", ["3.51.3", "3.53.4", "3.50.7", "3.44.6", "4.0.0"])
def test_a_mended_sqlite_is_taken(version: str) -> None:
    assert wal_reset_fixed(library(version).sqlite_version_info)


@pytest.mark.parametrize("version", ["3.40.1", "3.51.2", "3.51.0", "3.50.6", "3.44.5", "3.45.0"])
def test_a_sqlite_that_loses_commits_is_not(version: str) -> None:
    assert not wal_reset_fixed(library(version).sqlite_version_info)


def test_the_first_mended_library_is_chosen() -> None:
    old, new = library("3.40.1"), library("3.53.4")
    assert choose_library([old, new]) is new


def test_with_only_vulnerable_libraries_one_line_says_what_to_install() -> None:
    with pytest.raises(
        DatabaseUnusable, match=r"SQLite 3\.40\.1 .*pip install pysqlite3"
    ) as caught:
        choose_library([library("3.40.1")])
    assert "\n" not in str(caught.value)


def test_this_environment_brings_a_mended_sqlite() -> None:
    assert wal_reset_fixed(choose_library().sqlite_version_info)


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("secure_delete", 1)],
)
def test_the_writing_connection_is_durable_and_strict(
    database: Database, pragma: str, value: object
) -> None:
    assert database.write(lambda s: s.scalar(text(f"PRAGMA {pragma}"))) == value


def test_a_reader_can_not_write(database: Database) -> None:
    with database.read() as session, pytest.raises(OperationalError, match="readonly"):
        session.execute(text("DELETE FROM raters"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rows.db"


@pytest.fixture
def engine(file: Path) -> Engine:
    engine = make_engine(URL.create("sqlite", database=str(file)), MIGRATOR)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE rows (id INTEGER PRIMARY KEY, body TEXT)")
        connection.exec_driver_sql("CREATE INDEX bodies ON rows (body)")
    return engine


def fill(engine: Engine, bodies: list[str]) -> None:
    with engine.begin() as connection:
        rows = [(body,) for body in bodies]
        connection.exec_driver_sql("INSERT INTO rows (body) VALUES (?)", rows)


def test_what_moved_to_another_page_before_it_was_deleted_is_gone_from_both(
    engine: Engine, file: Path
) -> None:
    draw = random.Random(0)
    words = draw.choices((CANARY, "wombat"), (1, 4), k=20_000)
    fill(engine, [f"{word} " * draw.choice((1, 3, 9, 30)) for word in words])
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM rows WHERE body LIKE ?", (f"{CANARY}%",))
    with closing(engine.raw_connection()) as raw:
        raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert CANARY.encode() in file.read_bytes()  # zeroing what is deleted is not enough
    assert scrub(engine)
    assert [f.name for f in file.parent.iterdir() if CANARY.encode() in f.read_bytes()] == []


def test_scrubbing_takes_less_memory_than_the_file_is_large(engine: Engine, file: Path) -> None:
    fill(engine, [f"{number} " * 200 for number in range(20_000)])
    size = file.stat().st_size
    done = subprocess.run(
        [sys.executable, "-c", SCRUBS_IN_A_QUARTER, str(file), str(size)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_what_is_stored_while_the_file_is_scrubbed_stays(engine: Engine, file: Path) -> None:
    fill(engine, [f"{number} " * 200 for number in range(2_000)])
    stop = file.with_name("stop")
    command = [sys.executable, "-c", GREEDY, str(file), str(stop)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
        for _ in range(3):
            scrub(engine)
        stop.touch()
        told = int(writer.stdout.read())
    assert told > 0
    with engine.connect() as connection:
        count = "SELECT count(*) FROM rows WHERE body = 'meanwhile'"
        assert connection.exec_driver_sql(count).scalar_one() == told
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
    assert scrub(engine)  # nobody is in its way any more


def test_scrubbing_waits_for_who_empties_the_log_already(engine: Engine) -> None:
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        reader, other, watch = (
            stack.enter_context(closing(engine.raw_connection())).cursor() for _ in range(3)
        )
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM rows").fetchall()
        fill(engine, ["after the reader began"])
        emptied = pool.submit(other.execute, "PRAGMA wal_checkpoint(TRUNCATE)")
        while watch.execute("PRAGMA wal_checkpoint").fetchone() != (1, -1, -1):
            if emptied.done():  # the look was in its way, so it gave up
                emptied = pool.submit(other.execute, "PRAGMA wal_checkpoint(TRUNCATE)")
            time.sleep(0.02)
        scrubbed = pool.submit(scrub, engine)
        with pytest.raises(TimeoutError):
            scrubbed.result(timeout=0.3)
        reader.execute("COMMIT")
        assert scrubbed.result(timeout=20)
