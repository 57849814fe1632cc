import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
from starlette.responses import Response, StreamingResponse

from hitl_chat.engines.refusals import ServerRefused, ServerSilent
from hitl_chat.engines.remote import EXCERPT, Remote
from tests.server import free_port
from tests.standin import BASE, KEY, StandIn, piece

HELLO = piece(choices=[{"delta": {"content": "Hello"}}])


@pytest.fixture
def server(stand_in: Callable[[str], StandIn]) -> StandIn:
    return stand_in("plain")


@pytest.fixture
def remote(server: StandIn) -> Iterator[Remote]:
    remote = Remote(server.endpoint, patience=0.3)
    yield remote
    remote.close()


def heard(remote: Remote) -> list[dict[str, Any]]:
    """Ask for an answer and return its pieces."""

    async def hear() -> list[dict[str, Any]]:
        request = {"model": BASE, "messages": [], "stream": True}
        async with aclosing(remote.chat(request)) as pieces:
            return [piece async for piece in pieces]

    return remote.run(hear()).result(10)


async def silent_after(*texts: str) -> AsyncIterator[str]:
    for text in texts:
        yield text
    await asyncio.sleep(60)


def test_an_answer_comes_in_pieces(remote: Remote) -> None:
    pieces = heard(remote)
    assert [p["choices"][0]["delta"].get("content") for p in pieces[1:4]] == [BASE, " 1", " 2"]
    assert pieces[-1]["usage"]["completion_tokens"] == 4


def test_an_answer_is_over_with_its_last_event(remote: Remote, server: StandIn) -> None:
    server.script.append(StreamingResponse(silent_after(HELLO, "data: [DONE]\n\n")))
    assert len(heard(remote)) == 1


def test_an_answer_without_a_last_event_is_whole_all_the_same(
    remote: Remote, server: StandIn
) -> None:
    server.script.append(Response(f"{HELLO}{HELLO}".rstrip()))
    assert len(heard(remote)) == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('{"error": {"message": "no memory", "code": 503}}', 503),
        ('{"error": {"message": "no memory", "code": "server_error"}}', 200),
        ('{"error": "no memory"}', 200),
        ('{"object": "error", "message": "no memory", "code": 400}', 400),
        ("no memory", 200),
        ('["no memory"]', 200),
    ],
)
def test_an_error_in_place_of_a_piece_is_one(
    remote: Remote, server: StandIn, body: str, status: int
) -> None:
    server.script.append(Response(f"{HELLO}data: {body}\n\n"))
    with pytest.raises(ServerRefused, match="no memory") as caught:
        heard(remote)
    assert caught.value.status == status


def test_a_wrong_key_is_refused_and_nowhere_repeated(
    server: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    remote = Remote(replace(server.endpoint, key="sk-wrong"))
    with pytest.raises(ServerRefused, match=r"status 401: .*Bearer \(the key\)") as caught:
        heard(remote)
    remote.close()
    assert "sk-wrong" not in f"{caught.value}{caplog.text}"


def test_a_long_refusal_is_cut_and_on_one_line(remote: Remote, server: StandIn) -> None:
    server.script.append(Response(f"no\n{KEY[:3]} " * 10_000, 500))
    with pytest.raises(ServerRefused) as caught:
        heard(remote)
    assert len(str(caught.value)) < EXCERPT + 20
    assert "\n" not in str(caught.value)


def test_a_server_that_falls_silent_is_given_up(remote: Remote, server: StandIn) -> None:
    server.script.append(StreamingResponse(silent_after(HELLO)))
    with pytest.raises(ServerSilent, match="ReadTimeout"):
        heard(remote)


def test_a_server_that_breaks_off_is_heard_of(remote: Remote, server: StandIn) -> None:
    server.script.append(Response(HELLO, headers={"Content-Length": "1000"}))
    with pytest.raises(ServerSilent):
        heard(remote)


def test_a_server_that_is_not_there_is_named_at_once(server: StandIn) -> None:
    remote = Remote(replace(server.endpoint, url=f"http://127.0.0.1:{free_port()}/v1"))
    begun = time.monotonic()
    with pytest.raises(ServerSilent, match="ConnectError"):
        heard(remote)
    assert time.monotonic() - begun < 5
    remote.close()


def test_cancelling_closes_the_connection(remote: Remote, server: StandIn) -> None:
    server.hold()

    async def hear() -> None:
        async with aclosing(remote.chat({"model": BASE, "stream": True})) as pieces:
            async for _ in pieces:
                begun.set()

    begun = asyncio.Event()
    work = remote.run(hear())
    while not begun.is_set():
        time.sleep(0.005)
    work.cancel()
    until = time.monotonic() + 2
    while server.writing:
        assert time.monotonic() < until
        time.sleep(0.005)


def test_closing_breaks_off_and_nothing_is_begun_after(server: StandIn) -> None:
    remote = Remote(server.endpoint)
    server.script.append(StreamingResponse(silent_after(HELLO)))
    work = remote.run(remote.ask("POST", f"{remote.url}/chat/completions", {}))
    remote.close()
    remote.close()
    assert work.cancelled()
    with pytest.raises(ServerSilent, match="closed"):
        heard(remote)
