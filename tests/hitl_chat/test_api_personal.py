"""A person's own data over HTTP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from tests.server import Server
from tests.storage.test_privacy import holding

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
CANARY = "bilby-90ad"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("mine") / "data", SCRIPTED_DELAY="0").start()
    yield server
    assert server.end() == 0


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    return Client(server.url, verbose=False)


def test_a_program_sees_takes_along_and_erases_what_is_stored_of_its_person(
    server: Server, client: Client
) -> None:
    me: dict[str, Any] = client.predict(api_name="/start")
    asked = client.predict(me["token"], me["conversation"], CANARY, api_name="/chat")
    client.predict(me["token"], asked["message"], 1, ["Other"], CANARY, api_name="/rate")
    handed_out = Path(str(client.predict("jsonl", api_name="/export")))
    assert client.predict(me["token"], api_name="/mine")["stored"]["feedback"] == 1
    everything = client.predict(me["token"], api_name="/everything")
    assert everything["feedback"][0]["comment"] == CANARY
    assert CANARY in handed_out.read_text()
    assert "jsonl.jsonl" in holding(server.home, CANARY)
    assert client.predict(me["token"], api_name="/erase") == {"learned": []}
    assert holding(server.home, CANARY) == []
    with pytest.raises(AppError, match="not valid"):
        client.predict(me["token"], api_name="/mine")


def test_each_part_is_agreed_to_and_taken_back(client: Client) -> None:
    me = client.predict(api_name="/start")
    yes = client.predict(me["token"], True, True, True, api_name="/agree")
    assert yes["agreed"] == {"store": True, "train": True, "publish": True}
    client.predict(me["token"], me["conversation"], CANARY, api_name="/chat")
    no = client.predict(me["token"], False, True, True, api_name="/agree")
    assert no["agreed"] == {"store": False, "train": False, "publish": False}
    assert no["stored"] == {}


def test_nobody_reaches_anybody_elses_data(client: Client) -> None:
    for name, rest in (("mine", []), ("everything", []), ("erase", []), ("agree", [True] * 3)):
        with pytest.raises(AppError, match="not valid"):
            client.predict("forged.token", *rest, api_name=f"/{name}")
