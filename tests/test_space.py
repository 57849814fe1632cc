"""A Space, simulated: its disk is empty at each start, and it ends by SIGTERM or worse."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client

from storage.database import Database
from tests import hub
from tests.hitl_chat.visits import add_version
from tests.hub import Hub
from tests.server import Server

KEPT = "me/kept"
REPO = f"datasets/{KEPT}"
VERSION = "v000001-aaaaaaaa"
LOSES = 15.0
"""Seconds of work that a killed container may lose."""

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def remote() -> Iterator[Hub]:
    with hub.serving(takes_lfs=True) as running:
        yield running


@pytest.fixture
def space(remote: Hub, tmp_path: Path) -> Iterator[Server]:
    server = Server(
        tmp_path / "data",
        SPACE_ID="me/chat",
        SYSTEM="spaces",
        HITL_SNAPSHOT_REPO=KEPT,
        HF_ENDPOINT=remote.url,
        HF_TOKEN=hub.TOKEN,
        HF_HUB_OFFLINE="0",
        HF_HUB_DISABLE_XET="1",
        SCRIPTED_DELAY="0",
    )
    yield server
    server.kill()


def eventually(claim: Callable[[], object], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < until, "it never became true"
        time.sleep(0.05)


def wipe(server: Server) -> None:
    shutil.rmtree(server.home.folder)


def talk(server: Server, text: str = "Hi") -> dict[str, Any]:
    """Ask and rate; returns who did."""
    client = Client(server.url, verbose=False)
    me: dict[str, Any] = client.predict(api_name="/start")
    answer = client.predict(me["token"], me["conversation"], text, api_name="/chat")
    client.predict(me["token"], answer["message"], 1, api_name="/rate")
    return me


def publish(server: Server) -> None:
    database: Database = server.database()
    add_version(database, server.home, VERSION)
    (server.home.adapters / VERSION / "manifest.json").write_text("whole")
    database.close()


def test_a_wiped_container_comes_back_with_its_data_and_its_served_version(
    space: Server, remote: Hub
) -> None:
    space.start()
    me = talk(space)
    publish(space)
    assert space.end() == 0
    wipe(space)
    space.start()
    client = Client(space.url, verbose=False)
    again = client.predict(me["token"], me["conversation"], "Still there?", api_name="/chat")
    status = client.predict(api_name="/status")
    assert again["text"] == "Echo: Still there?"
    assert (again["version"], status["version"]) == (VERSION, VERSION)
    assert status["feedback"]["total"] == 1
    assert status["problem"] is None
    assert remote.private == {REPO: True}
    assert {path.split("/")[0] for path in remote.files[REPO]} == {"feedback.db", "adapters"}
    assert hub.TOKEN not in space.log


def test_kill_9_loses_at_most_fifteen_seconds(space: Server) -> None:
    space.start()
    me = talk(space)
    time.sleep(LOSES)
    space.kill()
    wipe(space)
    space.start()
    client = Client(space.url, verbose=False)
    again = client.predict(me["token"], me["conversation"], "Still there?", api_name="/chat")
    assert again["done"]
    assert client.predict(api_name="/status")["feedback"]["total"] == 1


def test_nothing_of_an_erased_person_stays_on_the_hub(space: Server, remote: Hub) -> None:
    space.start()
    me = talk(space, "I am quokka-1f6b9c")
    other = talk(space, "I am wombat-77e0")
    eventually(lambda: remote.remembers(b"quokka-1f6b9c"))
    client = Client(space.url, verbose=False)
    client.predict(me["token"], api_name="/erase")
    eventually(lambda: not remote.remembers(b"quokka-1f6b9c"))
    assert remote.remembers(b"wombat-77e0")
    assert len(remote.history[REPO]) == 1
    space.kill()
    wipe(space)
    space.start()
    again = client.predict(other["token"], other["conversation"], "Still?", api_name="/chat")
    assert again["done"]


def test_while_the_hub_refuses_chat_goes_on_and_the_owner_is_told(
    space: Server, remote: Hub
) -> None:
    remote.refuse("/commit/", 429)
    space.start()
    client = Client(space.url, verbose=False)
    talk(space)
    eventually(lambda: client.predict(api_name="/status")["problem"])
    unsaved = "No snapshot could be stored; a restart would lose data"
    assert client.predict(api_name="/status")["problem"] == unsaved  # why is the owner's
    talk(space)
    assert space.log.count("No snapshot could be stored; ") == 1
    eventually(lambda: remote.commits)
    eventually(lambda: client.predict(api_name="/status")["problem"] is None)
    assert space.end() == 0


def test_an_empty_disk_with_a_hub_that_cannot_be_read_is_no_first_start(
    remote: Hub, tmp_path: Path
) -> None:
    remote.files[REPO] = kept = {"feedback.db": b"all that people said"}
    stranger = Server(
        tmp_path / "data",
        HITL_SNAPSHOT_REPO=KEPT,
        HF_ENDPOINT=remote.url,
        HF_TOKEN="hf_expired",
        HF_HUB_OFFLINE="0",
    )
    with pytest.raises(RuntimeError):
        stranger.start()
    assert "The data folder is empty and its snapshot can't be fetched" in stranger.log
    assert "Traceback" not in stranger.log
    assert kept == {"feedback.db": b"all that people said"}
