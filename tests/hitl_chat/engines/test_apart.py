import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hitl_chat.engines.apart import Apart, Gone, LoadFailed, Order, Room, Server, _door
from hitl_chat.engines.unfinished import HALF
from tests.hitl_chat.test_trainer import eventually, gone
from tests.server import ROOT

LONG = {"prompt": [5, 6, 7], "n_predict": 400, "ignore_eos": True}
GREEDY = {"prompt": [5, 6], "n_predict": 8, "temperature": 0}
ONE = {"prompt": [5], "n_predict": 1}


@pytest.fixture
def order(tiny_model: Path) -> Order:
    return Order(tiny_model / "tiny.gguf", Room(slots=2, context=512, threads=1))


@pytest.fixture
def server(apart: Apart, order: Order) -> Server:
    return apart.load(order)


def worked(server: Server) -> int:
    """Return for how long processors have worked for its process."""
    told = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return int(told[11]) + int(told[12])


def heard(server: Server, request: dict[str, Any]) -> list[dict[str, Any]]:
    pieces = []

    def hear(message: dict[str, Any]) -> bool:
        pieces.append(message)
        return False

    server.stream(request, hear)
    return pieces


def folder(server: Server) -> Path:
    return Path(server.address.removeprefix("unix://")).parent


def test_it_answers_in_one_piece_and_in_many(server: Server) -> None:
    whole = server.ask(GREEDY)
    pieces = heard(server, GREEDY)
    assert len(pieces) > 1
    told = "".join(piece["choices"][0]["text"] for piece in pieces)
    assert told.rstrip(HALF) == whole["choices"][0]["text"].rstrip(HALF) != ""


def test_nobody_else_can_reach_it(server: Server) -> None:
    assert {one.stat().st_mode & 0o777 for one in (folder(server), folder(server).parent)} == {
        0o700
    }
    door = _door(server.address)
    door.request("POST", "/v1/completions", "{}", {"Content-Type": "application/json"})
    assert door.getresponse().status == 401
    door.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what others have worked")
def test_who_has_heard_enough_stops_the_work(server: Server) -> None:
    before = worked(server)
    for _ in range(4):  # twice as many as there are slots, so that the last two wait for the first
        server.stream(LONG, lambda _: True)
    server.ask(ONE)
    between = worked(server)
    for _ in range(4):
        server.ask(LONG)
    assert between - before < (worked(server) - between) / 2


def test_what_it_refuses_is_heard(server: Server) -> None:
    (told,) = heard(server, {"prompt": [5] * 600})
    assert "exceeds the available context size" in told["error"]["message"]


def test_one_process_serves_several_until_they_are_freed(apart: Apart, order: Order) -> None:
    one, two = apart.load(order), apart.load(order)
    assert one.process is two.process
    assert one.ask(GREEDY)["choices"] == two.ask(GREEDY)["choices"]
    apart.free(one)
    assert not folder(one).exists()
    with pytest.raises(Gone):
        one.ask(ONE)
    assert two.ask(ONE)["choices"]


def test_a_file_that_is_no_model_is_refused_and_the_others_serve_on(
    apart: Apart, server: Server, order: Order, tmp_path: Path
) -> None:
    (tmp_path / "junk.gguf").write_bytes(b"junk")
    with pytest.raises(LoadFailed, match=r"llama\.cpp can't load junk\.gguf"):
        apart.load(Order(tmp_path / "junk.gguf", order.room))
    assert server.ask(ONE)["choices"]


def test_an_answer_breaks_off_where_the_process_is_killed_and_another_is_started(
    apart: Apart, server: Server, order: Order
) -> None:
    def kill(_: dict[str, Any]) -> bool:
        server.process.kill()
        return False

    with pytest.raises(Gone):
        server.stream(LONG, kill)
    assert server.gone
    again = apart.load(order)
    apart.free(server)  # went with its process
    assert again.ask(ONE)["choices"]


def test_it_stays_when_everybody_is_told_to_end_and_leaves_nothing_when_it_is_closed(
    apart: Apart, server: Server, order: Order
) -> None:
    for ending in (signal.SIGINT, signal.SIGTERM):
        server.process.send_signal(ending)
    assert server.ask(ONE)["choices"]
    apart.close()
    assert server.process.returncode == 0
    assert not folder(server).parent.exists()
    with pytest.raises(LoadFailed, match="closing"):
        apart.load(order)


def test_it_ends_with_the_chat_even_if_that_is_killed(order: Order) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path;"
        "from hitl_chat.engines.apart import Apart, Order, Room;"
        "print(Apart().load(Order(Path(sys.argv[1]), Room(1, 256, 1))).process.pid, flush=True);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run(
        [sys.executable, "-c", code, str(order.path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    eventually(lambda: gone(int(killed.stdout)))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a process on one processor")
@pytest.mark.parametrize("_attempt", range(4))
def test_it_ends_even_if_what_it_loaded_had_no_time_to_begin(order: Order, _attempt: int) -> None:
    code = (  # on one processor the main thread is through before a server's thread has its turn
        "import os, runpy; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "runpy.run_module('hitl_chat.engines.llama', run_name='__main__')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        input=json.dumps({**order.written(), "key": "k"}) + "\n",
        stdout=subprocess.PIPE,
        text=True,
        timeout=30,
        check=True,
    )
    assert "address" in json.loads(ended.stdout)
