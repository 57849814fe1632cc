"""A server that speaks OpenAI's protocol, over HTTP. Knows no version, no reply and no adapter.

All that is said to it is said in one thread with an event loop, each exchange a task: cancelling
one closes its connection at once, and the server stops working for it. The key is never logged.
"""

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from hitl_chat.engines.events import Events
from hitl_chat.engines.refusals import ServerRefused, ServerSilent
from hitl_chat.settings import Endpoint

T = TypeVar("T")

CONNECT_SECONDS = 10.0
PATIENCE = 60.0
"""Seconds without a byte after which a server is given up."""
DONE = "[DONE]"
EXCERPT = 500
"""Characters of a refusal that are kept."""
LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=0)
"""No connection is kept: one that the server closes at that moment would cost somebody's answer."""
OK = 200


@dataclass(frozen=True)
class Answer:
    """What a server said in one piece."""

    status: int
    text: str
    excerpt: str

    @property
    def ok(self) -> bool:
        """Whether the server did what it was asked."""
        return self.status == OK

    def value(self) -> Any:  # noqa: ANN401 - a server may send anything
        """Return what the JSON says; None where it is none."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None


class Remote:
    """One server, and the thread that talks with it."""

    def __init__(self, endpoint: Endpoint, patience: float = PATIENCE) -> None:
        self.url = endpoint.url
        self._key = endpoint.key
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            timeout=httpx.Timeout(patience, connect=CONNECT_SECONDS),
            limits=LIMITS,
        )
        self._closing = threading.Lock()
        self._closed = False
        self._underway: set[Future[Any]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="remote", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Begin to work; cancelling what this returns closes the connection at once.

        Raises:
            ServerSilent: this has been closed.
        """
        with self._closing:
            if self._closed:
                work.close()
                raise ServerSilent("the connection has been closed")
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
            self._underway.add(future)
        future.add_done_callback(self._underway.discard)
        return future

    def close(self) -> None:
        """Break off whatever is going on."""
        with self._closing:
            closed, self._closed = self._closed, True
        if not closed:
            for future in list(self._underway):
                future.cancel()
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    async def ask(self, method: str, url: str, body: dict[str, Any] | None = None) -> Answer:
        """Ask for something that comes in one piece.

        Raises:
            ServerSilent: nothing came.
        """
        try:
            response = await self._client.request(method, url, json=body)
        except httpx.RequestError as error:
            raise ServerSilent(_named(error)) from error
        return Answer(response.status_code, response.text, self._excerpt(response.text))

    async def chat(self, request: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Yield an answer's pieces; closing this closes the connection.

        Raises:
            ServerRefused: there is an error in place of the next piece.
            ServerSilent: nothing came, or it broke off.
        """
        events = Events()
        try:
            async with self._client.stream(
                "POST", f"{self.url}/chat/completions", json=request
            ) as response:
                if response.status_code != OK:
                    await response.aread()
                    raise ServerRefused(response.status_code, self._excerpt(response.text))
                async for piece in response.aiter_bytes():
                    for data in events.feed(piece):
                        if data == DONE:
                            return
                        yield self._piece(data)
                for data in events.end():
                    if data != DONE:
                        yield self._piece(data)
        except httpx.RequestError as error:
            raise ServerSilent(_named(error)) from error

    def _piece(self, data: str) -> dict[str, Any]:
        """Read an event's data."""
        try:
            piece = json.loads(data)
        except ValueError:
            piece = None
        if not isinstance(piece, dict):
            raise ServerRefused(OK, self._excerpt(data))
        error = piece if piece.get("object") == "error" else piece.get("error")
        if error:
            code = error.get("code") if isinstance(error, dict) else None
            raise ServerRefused(code if isinstance(code, int) else OK, self._excerpt(data))
        return piece

    def _excerpt(self, text: str) -> str:
        """Return the beginning of a text on one line, fit for a log: some servers repeat the key."""
        if self._key:
            text = text.replace(self._key, "(the key)")
        return " ".join(text.split())[:EXCERPT]

    async def _end(self) -> None:
        """Wait until what was cancelled has closed its connections."""
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)
        await self._client.aclose()
        await self._loop.shutdown_asyncgens()


def _named(error: httpx.RequestError) -> str:
    """Name an error; many of httpx's have no text."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
