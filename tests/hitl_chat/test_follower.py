import time
from dataclasses import replace

import pytest

from hitl_chat.follower import Follower
from hitl_chat.service import Service, Started
from storage import adapters
from storage.database import Database
from storage.home import Home
from storage.models import BASE_VERSION
from tests.hitl_chat.visits import add_version, ask
from tests.scripted import ScriptedEngine


def test_the_engine_follows_what_serves_and_a_roll_back(
    service: Service, me: Started, database: Database, engine: ScriptedEngine, home: Home
) -> None:
    follower = Follower(database, engine, home, service.loop.report)
    add_version(database, home, "v000001-aaaaaaaa")
    stream = service.ask(me.rater, me.conversation, "in flight")
    next(stream)
    follower.look()
    *_, old = stream
    assert old.version == BASE_VERSION
    assert ask(service, me, "next").version == "v000001-aaaaaaaa"
    assert service.loop.roll_back() == BASE_VERSION
    follower.look()
    assert ask(service, me, "after").version == BASE_VERSION


def test_a_refused_version_is_reported_once_and_the_old_one_serves(
    service: Service, database: Database, engine: ScriptedEngine, home: Home
) -> None:
    follower = Follower(database, engine, home, service.loop.report)
    engine.bad_versions.add("v000001-aaaaaaaa")
    add_version(database, home, "v000001-aaaaaaaa")
    follower.look()
    problem = service.loop.status()["problem"]
    assert "v000001-aaaaaaaa was refused, base keeps serving" in problem
    engine.bad_versions.clear()
    follower.look()
    assert engine.version == BASE_VERSION  # not tried again by itself
    service.loop.roll_back()
    follower.look()
    assert service.loop.status()["problem"] is None


def test_a_version_that_waits_is_tried_again_and_said_once(
    service: Service,
    database: Database,
    engine: ScriptedEngine,
    home: Home,
    caplog: pytest.LogCaptureFixture,
) -> None:
    follower = Follower(database, engine, home, service.loop.report)
    engine.silent = True
    add_version(database, home, "v000001-aaaaaaaa")
    for _ in range(3):
        follower.look()
    assert engine.version == BASE_VERSION
    assert [record.message for record in caplog.records] == [
        "Version v000001-aaaaaaaa waits: The model's server doesn't answer."
    ]
    engine.silent = False
    follower.look()
    assert engine.version == "v000001-aaaaaaaa"
    assert service.loop.status()["problem"] is None


def test_a_version_whose_folder_comes_later_is_taken_then(
    service: Service, database: Database, engine: ScriptedEngine, home: Home
) -> None:
    follower = Follower(database, engine, home, service.loop.report)
    add_version(database, home, "v000001-aaaaaaaa")
    (home.adapters / "v000001-aaaaaaaa").rmdir()
    follower.look()
    assert engine.version == BASE_VERSION
    assert (
        "isn't there. Every process must see the same adapters" in service.loop.status()["problem"]
    )
    (home.adapters / "v000001-aaaaaaaa").mkdir()
    follower.look()
    assert engine.version == "v000001-aaaaaaaa"
    assert service.loop.status()["problem"] is None


def test_a_version_whose_folder_cannot_be_looked_at_waits_and_that_is_told(
    service: Service, database: Database, engine: ScriptedEngine, home: Home
) -> None:
    add_version(database, home, "v000001-aaaaaaaa")
    too_long = replace(home, folder=home.folder / ("x" * 300))
    Follower(database, engine, too_long, service.loop.report).look()
    assert engine.version == BASE_VERSION
    assert "waits, base keeps serving" in service.loop.status()["problem"]


def test_the_version_before_is_kept_beside_one_on_trial_as_long_as_it_lasts(
    service: Service, database: Database, engine: ScriptedEngine, home: Home
) -> None:
    follower = Follower(database, engine, home, service.loop.report, pairs=True)
    add_version(database, home, "v000001-aaaaaaaa")
    follower.look()
    assert (engine.version, engine.beside) == ("v000001-aaaaaaaa", BASE_VERSION)
    add_version(database, home, "v000002-bbbbbbbb")
    follower.look()
    assert (engine.version, engine.beside) == ("v000002-bbbbbbbb", "v000001-aaaaaaaa")
    service.loop.roll_back()
    follower.look()
    assert (engine.version, engine.beside) == ("v000001-aaaaaaaa", BASE_VERSION)
    database.write(lambda s: adapters.keep(s, "people like it"))
    follower.look()
    assert (engine.version, engine.beside) == ("v000001-aaaaaaaa", None)


def test_nothing_is_kept_beside_where_everyone_gets_the_new_version(
    service: Service, database: Database, engine: ScriptedEngine, home: Home
) -> None:
    add_version(database, home, "v000001-aaaaaaaa")
    Follower(database, engine, home, service.loop.report).look()
    assert (engine.version, engine.beside) == ("v000001-aaaaaaaa", None)


def test_a_version_that_cannot_be_kept_beside_is_said_once_and_the_new_one_serves_all(
    service: Service,
    database: Database,
    engine: ScriptedEngine,
    home: Home,
    caplog: pytest.LogCaptureFixture,
) -> None:
    follower = Follower(database, engine, home, service.loop.report, pairs=True)
    add_version(database, home, "v000001-aaaaaaaa")
    follower.look()
    engine.bad_versions.add("v000001-aaaaaaaa")
    add_version(database, home, "v000002-bbbbbbbb")
    for _ in range(3):
        follower.look()
    assert engine.version == "v000002-bbbbbbbb"
    assert len([r for r in caplog.records if "can't serve beside" in r.message]) == 1


def test_a_running_follower_notices_by_itself(
    service: Service, database: Database, engine: ScriptedEngine, home: Home
) -> None:
    follower = Follower(database, engine, home, service.loop.report)
    follower.start()
    add_version(database, home, "v000001-aaaaaaaa")
    until = time.monotonic() + 5
    while engine.version == BASE_VERSION:
        assert time.monotonic() < until
        time.sleep(0.02)
    follower.close()
