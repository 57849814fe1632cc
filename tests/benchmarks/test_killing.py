import json
import os
import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from benchmarks.killing import Rater, killing
from storage.home import Home

REPLIES = {
    "/gradio_api/run/start": b'{"data": [{"token": "t", "conversation": "c"}]}',
    "/gradio_api/call/chat": b'{"event_id": "e"}',
    "/gradio_api/call/chat/e": b'data: [{"message": "m"}]',
}


class Dying(BaseHTTPRequestHandler):
    """Replies to everything but ratings: there it breaks off after one byte."""

    over = threading.Event()

    def do_GET(self) -> None:
        known = REPLIES.get(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(known) if known else 99))
        self.end_headers()
        self.wfile.write(known or b"{")
        if known is None:
            self.over.set()

    do_POST = do_GET  # noqa: N815 - what http.server calls

    def log_message(self, format: str, *args: object) -> None:
        """Nobody listens."""


@pytest.fixture
def dying() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Dying) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_reply_that_breaks_off_acknowledges_nothing(dying: str) -> None:
    stored: list[str] = []
    Rater(dying, 0).rate(dying, Dying.over, stored)
    assert stored == []
    assert Dying.over.is_set()


def test_no_acknowledged_rating_is_lost_to_kill_9(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    env = {
        "HITL_DATA_DIR": str(tmp_path),
        "HITL_TRAINER": "off",
        "HITL_PERSON_LIMIT": "0",
        "SCRIPTED_DELAY": "0",
    }
    killing({**os.environ, **env}, Home.from_env(env), 2, random.Random(0))
    told = json.loads(capfd.readouterr().out)
    assert told["acknowledged"] > 0
    assert (told["lost"], told["missing_in_backups"], told["failed_backups"]) == (0, 0, [])
