"""Several chat processes on one PostgreSQL database and one data folder."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client

from hitl_chat.trainer import Trainer
from storage.database import Database
from storage.home import Home
from tests.conftest import env_of
from tests.hitl_chat.visits import add_version
from tests.postgres import Postgres
from tests.server import Server

SIT = (
    "import os, sys\n"
    "from storage.database import Database\n"
    "from storage.home import Home\n"
    "with Database.open(Home.from_env(os.environ)).seat():\n"
    "    sys.stdin.buffer.read()\n"
)
"""A trainer that does nothing else than being the only one."""


@pytest.fixture
def address(postgresql: Postgres, shared: str) -> str:
    postgresql.empty(shared)
    return shared


@pytest.fixture
def servers(address: str, tmp_path: Path) -> Iterator[list[Server]]:
    both = [
        Server(tmp_path / "data", HITL_DATABASE_URL=address, SCRIPTED_DELAY="0") for _ in range(2)
    ]
    for one in both:
        one.start()
    yield both
    for one in both:
        one.end()


def eventually(claim: Callable[[], object], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < until, "it never became true"
        time.sleep(0.05)


def status(client: Client) -> dict[str, Any]:
    told: dict[str, Any] = client.predict(api_name="/status")
    return told


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_people_and_the_version_are_the_same_whichever_process_answers(
    servers: list[Server],
) -> None:
    first, second = (Client(one.url, verbose=False) for one in servers)
    me = first.predict(api_name="/start")
    answer = first.predict(me["token"], me["conversation"], "Hi", api_name="/chat")
    assert second.predict(me["token"], answer["message"], 1, api_name="/rate") == {"ok": True}
    again = second.predict(me["token"], me["conversation"], "And now?", api_name="/chat")
    assert again["text"] == "Echo: And now?"
    assert status(first)["feedback"]["total"] == status(second)["feedback"]["total"] == 1

    with closing(servers[0].database()) as database:
        add_version(database, servers[0].home, "v000001-aaaaaaaa")
    for client in (first, second):
        eventually(lambda client=client: status(client)["version"] == "v000001-aaaaaaaa")  # type: ignore[misc]


def test_one_of_several_processes_trains_and_another_when_that_one_is_gone(home: Home) -> None:
    env = {**os.environ, **env_of(home)}
    with closing(Database.open(home)) as database:
        one, other = (
            Trainer(env, database.seat_taken, (sys.executable, "-c", SIT)) for _ in range(2)
        )
        one.start()
        eventually(database.seat_taken)
        other.start()
        time.sleep(0.5)
        assert one.pid
        assert other.pid is None
        one.close()
        eventually(lambda: other.pid)
        eventually(database.seat_taken)
        assert other.pid
        os.kill(other.pid, signal.SIGKILL)  # and nobody needs to clear anything away
        eventually(lambda: not database.seat_taken())
        other.close()
