import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from gradio_client import Client

from hitl_chat import steps, trial
from hitl_chat.follower import Follower
from hitl_chat.service import Service, Started
from hitl_chat.settings import Settings
from hitl_chat.watch import Watch
from storage import adapters
from storage.database import Database
from storage.home import Home
from storage.models import BASE_VERSION
from tests.hitl_chat.visits import add_version, ask, rate_version
from tests.scripted import ScriptedEngine
from tests.server import Server, get

GOOD, BAD = "v000001-aaaaaaaa", "v000002-bbbbbbbb"
LIKES, DISLIKES = [1] * 12, [-1] * 12


@pytest.fixture
def watch(database: Database, home: Home, service: Service) -> Watch:
    return Watch(database, home, service.loop.report_trial)


@pytest.fixture
def reasons(database: Database) -> Callable[[], list[str]]:
    def read() -> list[str]:
        with database.read() as session:
            return [f"{one.version}: {one.reason}" for one in adapters.history(session)]

    return read


def served(database: Database) -> str:
    with database.read() as session:
        return adapters.served(session)


def wait_for(true: Callable[[], bool], seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_the_base_is_on_no_trial(service: Service, watch: Watch) -> None:
    watch.look()
    assert "trial" not in service.loop.status()
    assert "serving" not in service.loop.status()


def test_the_status_tells_how_a_trial_stands(
    database: Database, home: Home, service: Service, watch: Watch
) -> None:
    rate_version(database, BASE_VERSION, 1, 1, -1)
    add_version(database, home, GOOD)
    rate_version(database, GOOD, 1, -1)
    watch.look()
    trial = service.loop.status()["trial"]
    assert trial["sentence"] == f"{GOOD} on trial: 1 of 2 liked, against 2 of 3 for base"
    assert (trial["version"], trial["against"]) == (GOOD, BASE_VERSION)
    rate_version(database, GOOD, 1)
    watch.look()
    assert service.loop.status()["trial"]["rated"] == 3


def test_a_version_that_people_like_less_is_rolled_back_with_the_numbers(
    database: Database,
    home: Home,
    service: Service,
    me: Started,
    engine: ScriptedEngine,
    watch: Watch,
    reasons: Callable[[], list[str]],
) -> None:
    follower = Follower(database, engine, home, service.loop.report)
    add_version(database, home, GOOD)
    rate_version(database, GOOD, *LIKES)
    add_version(database, home, BAD)
    follower.look()
    assert ask(service, me, "before").version == BAD
    rate_version(database, BAD, *DISLIKES)
    watch.look()
    follower.look()
    assert ask(service, me, "after").version == GOOD
    assert reasons()[0].startswith(
        f"{GOOD}: rolled back by itself from {BAD}: 0 of 12 liked, against 12 of 12 for {GOOD}; "
    )
    assert service.loop.status()["serving"]["reason"] in reasons()[0]
    # The one before goes on with its own trial.
    assert service.loop.status()["trial"]["version"] == GOOD


def test_a_version_that_was_rolled_back_does_not_come_back_by_itself(
    database: Database, home: Home, watch: Watch, reasons: Callable[[], list[str]]
) -> None:
    rate_version(database, BASE_VERSION, *LIKES)
    add_version(database, home, BAD)
    rate_version(database, BAD, *DISLIKES)
    watch.look()
    rate_version(database, BAD, *LIKES * 5)
    watch.look()
    assert served(database) == BASE_VERSION
    assert len(reasons()) == 2


def test_a_version_that_people_like_more_is_kept_and_its_trial_is_over(
    database: Database,
    home: Home,
    service: Service,
    watch: Watch,
    reasons: Callable[[], list[str]],
) -> None:
    rate_version(database, BASE_VERSION, *DISLIKES)
    add_version(database, home, GOOD)
    rate_version(database, GOOD, *LIKES)
    watch.look()
    assert served(database) == GOOD
    assert reasons()[0].startswith(
        f"{GOOD}: {GOOD} kept after its trial: 12 of 12 liked, against 0"
    )
    assert "trial" not in service.loop.status()
    rate_version(database, GOOD, *DISLIKES * 2)  # judged once
    watch.look()
    assert served(database) == GOOD


def test_a_verdict_is_stored_once_whoever_looks(
    database: Database, home: Home, watch: Watch, reasons: Callable[[], list[str]]
) -> None:
    rate_version(database, BASE_VERSION, *LIKES)
    add_version(database, home, BAD)
    rate_version(database, BAD, *DISLIKES)
    for one in (watch, watch, Watch(database, home, lambda _: None)):
        one.look()
    assert len(reasons()) == 2


def test_a_verdict_falls_on_what_serves_when_it_is_stored(
    database: Database, home: Home, reasons: Callable[[], list[str]]
) -> None:
    rate_version(database, BASE_VERSION, *LIKES)
    add_version(database, home, BAD)
    rate_version(database, BAD, *DISLIKES)
    add_version(database, home, GOOD)  # promoted between the look and the verdict
    assert database.write(lambda s: steps.end_trial(s, home)) is None
    assert served(database) == GOOD
    assert len(reasons()) == 2


def test_ratings_from_before_a_version_was_chosen_again_do_not_count(
    database: Database, home: Home, service: Service, watch: Watch
) -> None:
    rate_version(database, BASE_VERSION, *LIKES)
    add_version(database, home, BAD)
    rate_version(database, BAD, *DISLIKES)
    watch.look()
    service.loop.roll_back(BAD)  # the owner wants it all the same
    watch.look()
    assert served(database) == BAD
    assert service.loop.status()["trial"]["rated"] == 0


def test_nothing_changes_where_the_version_before_has_no_files_any_more(
    database: Database, home: Home, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    add_version(database, home, GOOD)
    rate_version(database, GOOD, *LIKES)
    add_version(database, home, BAD)
    rate_version(database, BAD, *DISLIKES)
    shutil.rmtree(home.adapters / GOOD)
    watch.look()
    watch.look()
    assert served(database) == BAD
    assert len(caplog.records) == 1
    assert f"Version '{GOOD}' has no folder any more" in caplog.text


def test_a_share_of_the_conversations_gets_the_version_on_trial_each_always_the_same(
    database: Database, home: Home, engine: ScriptedEngine, settings: Settings
) -> None:
    service = Service(database, engine, replace(settings, trial_share=0.5), train_after=16)
    add_version(database, home, GOOD)
    Follower(database, engine, home, service.loop.report, pairs=True).look()
    got: list[str] = []
    for one in [service.start() for _ in range(24)]:
        versions = {ask(service, one, text).version for text in ("one", "two")}
        assert len(versions) == 1
        got += versions
    assert 4 <= got.count(GOOD) <= 20
    assert set(got) == {GOOD, BASE_VERSION}


@pytest.fixture
def running(watch: Watch) -> Iterator[Watch]:
    watch.start()
    yield watch
    watch.close()


@pytest.mark.usefixtures("running")
def test_a_running_watch_notices_by_itself(
    database: Database, home: Home, reasons: Callable[[], list[str]]
) -> None:
    rate_version(database, BASE_VERSION, *LIKES)
    add_version(database, home, BAD)
    rate_version(database, BAD, *DISLIKES)
    wait_for(lambda: served(database) == BASE_VERSION)
    assert len(reasons()) == 2


# As a process of its own


def version_of(server: Server) -> str:
    with get(f"{server.url}/healthz") as answer:
        return str(json.loads(answer.read())["version"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_app_takes_back_by_itself_what_people_rate_down(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", SCRIPTED_DELAY="0").start()
    database = server.database()
    rate_version(database, BASE_VERSION, *LIKES)
    add_version(database, server.home, BAD)
    wait_for(lambda: version_of(server) == BAD)
    client = Client(server.url, verbose=False)
    for one in [client.predict(api_name="/start") for _ in range(trial.FEWEST)]:
        answer = client.predict(one["token"], one["conversation"], "Hi", api_name="/chat")
        assert answer["version"] == BAD
        client.predict(one["token"], answer["message"], -1, api_name="/rate")
    wait_for(lambda: version_of(server) == BASE_VERSION)
    status = client.predict(api_name="/status")
    told = f"rolled back by itself from {BAD}: 0 of 5 liked, against 12 of 12 for base"
    assert status["serving"]["reason"].startswith(told)
    assert "trial" not in status
    database.close()
    assert server.end() == 0


def test_kill_9_between_a_rating_and_its_verdict_only_delays_the_verdict(tmp_path: Path) -> None:
    server = Server(tmp_path / "data").start()
    database = server.database()
    rate_version(database, BASE_VERSION, *LIKES)
    add_version(database, server.home, BAD)
    wait_for(lambda: version_of(server) == BAD)
    server.kill()
    rate_version(database, BAD, *DISLIKES)
    assert served(database) == BAD
    server.start()
    assert version_of(server) == BASE_VERSION
    assert served(database) == BASE_VERSION
    database.close()
    assert server.end() == 0


def test_by_hand_a_version_is_left_at_once(tmp_path: Path) -> None:
    server = Server(tmp_path / "data").start()
    database = server.database()
    add_version(database, server.home, BAD)
    wait_for(lambda: version_of(server) == BAD)
    assert adapters.main(["--roll-back"], {"HITL_DATA_DIR": str(server.home.folder)}) == 0
    wait_for(lambda: version_of(server) == BASE_VERSION, seconds=1)
    database.close()
    assert server.end() == 0
