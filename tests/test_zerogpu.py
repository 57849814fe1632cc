"""A ZeroGPU Space, simulated: its lender's HTTP is stood in for, and the GPU is none."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import torch
from gradio_client import Client
from gradio_client.exceptions import AppError
from sqlalchemy.orm import Session

from hitl_chat.engines.transformers import TransformersEngine
from hitl_chat.follower import EVERY
from storage import adapters
from storage.home import Home
from storage.models import BASE_VERSION
from tests.hitl_chat.engines.asking import GREEDY, asked, last
from tests.server import Server
from tests.tiny import publish_adapter
from training.base import load_base

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Lending:
    """As much of the lender's HTTP as `spaces` 0.51 asks for."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        """How often each path was asked for."""
        self.seconds: list[int] = []
        """For how long a GPU was wanted."""
        self.used_up = False
        """Whether nothing of a quota is left."""
        lending = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = urlsplit(self.path)
                status, said = lending._answer(asked.path, parse_qs(asked.query))
                raw = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        self.asked[path] += 1
        if path != "/schedule":
            return 200, {}
        self.seconds.append(int(query["durationSeconds"][0]))
        if self.used_up:
            return 429, {"left": 3, "wait": "PT12H"}
        lent = {"idle": True, "nvidiaIndex": 0, "nvidiaUUID": "none", "allowToken": "t"}
        return 200, lent


@pytest.fixture
def lending() -> Iterator[Lending]:
    stand_in = Lending()
    yield stand_in
    stand_in.close()


@pytest.fixture
def space(lending: Lending, tiny_model: Path, tmp_path: Path) -> Iterator[Server]:
    server = Server(
        tmp_path / "data",
        module="tests.lent",
        SPACES_ZERO_GPU="true",
        SPACES_ZERO_DEVICE_API_URL=lending.url,
        HITL_MODEL=str(tiny_model),
        HITL_MAX_NEW_TOKENS="40",
        HITL_TEMPERATURE="0",
        HITL_TRAINER="",
    )
    yield server
    server.kill()


def serve(space: Server, version: str) -> None:
    def work(session: Session) -> None:
        adapters.add(session, version, BASE_VERSION, "tiny", None)
        adapters.serve(session, version, "test")

    with closing(space.database()) as database:
        database.write(work)
    time.sleep(5 * EVERY)  # until the follower has seen it


def said(model: Path, home: Home, version: str) -> list[str]:
    """What the base and a version say in the number format of a GPU."""
    engine = TransformersEngine(load_base(str(model), home, torch.bfloat16))
    texts = [last(engine.stream(asked("Hi"), GREEDY, 1)).text]
    engine.activate(version, home.adapters / version)
    texts.append(last(engine.stream(asked("Hi"), GREEDY, 1)).text)
    engine.close()
    return texts


def test_answers_are_lent_a_gpu_and_take_the_served_version_along(
    space: Server, lending: Lending, tiny_model: Path
) -> None:
    space.start()
    assert lending.asked["/startup-report"] == 1
    client = Client(space.url, verbose=False)
    me = client.predict(api_name="/start")
    answers = [client.predict(me["token"], me["conversation"], "Hi", api_name="/chat")]
    me |= client.predict(api_name="/start")
    version = publish_adapter(tiny_model, space.home.adapters, 1)
    serve(space, version)
    answers.append(client.predict(me["token"], me["conversation"], "Hi", api_name="/chat"))
    assert [answer["version"] for answer in answers] == ["base", version]
    assert [answer["text"] for answer in answers] == said(tiny_model, space.home, version)
    drafts = client.predict(me["token"], me["conversation"], "Which?", api_name="/compare")
    assert all(draft["text"] for draft in drafts["drafts"])
    assert lending.asked["/schedule"] == lending.asked["/release"] == 4
    assert client.predict(api_name="/status")["next_training"]["trainer"] == "off"
    assert space.end() == 0
    assert "zerogpu: this Space has ZeroGPU." in space.log
    assert "The trainer stays off: ZeroGPU lends to answers alone" in space.log


def test_a_quota_that_is_used_up_is_told_and_the_question_can_be_asked_again(
    space: Server, lending: Lending
) -> None:
    space.start()
    client = Client(space.url, verbose=False)
    me = client.predict(api_name="/start")
    lending.used_up = True
    with pytest.raises(AppError, match=r"No GPU for this answer\. .*GPU limit"):
        client.predict(me["token"], me["conversation"], "Hi", api_name="/chat")
    lending.used_up = False
    assert client.predict(me["token"], me["conversation"], "Hi", api_name="/chat")["text"]
    assert "Traceback" not in space.log
