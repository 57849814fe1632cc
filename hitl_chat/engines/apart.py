"""llama.cpp in a process of its own, asked over HTTP at a private door. Knows no version and no reply.

Apart, because xllamacpp holds Python's lock for half a second while it loads a model, and a chat
would answer nobody meanwhile. So too, what brings llama.cpp down leaves the chat standing. One process
for all versions: only there does OpenMP see that two of them share the processors, and spins less.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from hitl_chat.engines.events import Events
from hitl_chat.processes import beside

COMMAND = (sys.executable, "-m", "hitl_chat.engines.llama")
PATIENCE = 10.0
"""Seconds that it gets to end by itself."""
PATH = "/v1/completions"
SLOT = "/slots/{slot}?action={action}"
BEGINNING = {"filename": "beginning"}
"""Where a slot's memory is kept, in a folder of its server alone."""
SOON = 1.0
"""Seconds that a process may take to be over once its connections are."""
OK = 200
DONE = "[DONE]"
PIECE = 65_536
"""Bytes read at once, at most."""

Message = dict[str, Any]


class LoadFailed(RuntimeError):
    """llama.cpp refuses a file, or it gives no numbers."""


class Gone(RuntimeError):
    """The process isn't there, or left in the middle of an answer."""


@dataclass(frozen=True)
class Room:
    """How much a server takes on: replies at once, tokens of each, and threads to work with.

    `short_keys` keeps attention's keys at eight bits, in half of the memory, which takes keys that
    are a multiple of 32 wide.
    """

    slots: int
    context: int
    threads: int | None = None
    short_keys: bool = False


@dataclass(frozen=True)
class Order:
    """What is to be served."""

    path: Path
    room: Room

    def written(self) -> Message:
        """Return it as plain values."""
        return {"path": str(self.path.absolute()), "room": asdict(self.room)}

    @classmethod
    def read(cls, told: Message) -> "Order":
        """Take it from plain values."""
        return cls(Path(told["path"]), Room(**told["room"]))


@dataclass(frozen=True)
class Server:
    """A GGUF that is loaded in a process."""

    address: str
    key: str = field(repr=False)
    process: "subprocess.Popen[str]"

    @property
    def gone(self) -> bool:
        """Whether its process has ended."""
        return self.process.poll() is not None

    def ask(self, request: Message, path: str = PATH) -> Message:
        """Return an answer that comes in one piece.

        Raises:
            Gone: nothing came.
        """
        with self._asked(request, path) as response:
            answer: Message = json.load(response)
        return answer

    def share(self, slots: int) -> list[Message]:
        """Give the first `slots` what the very first has read, so that none reads it again.

        Returns what llama.cpp says to it; a message with an "error" where it can't do that.

        Raises:
            Gone: nothing came.
        """
        orders = [(0, "save"), *((slot, "restore") for slot in range(1, slots))]
        return [
            self.ask(BEGINNING, SLOT.format(slot=slot, action=action)) for slot, action in orders
        ]

    def stream(self, request: Message, hear: Callable[[Message], bool]) -> None:
        """Let `hear` have an answer's pieces until it returns true, which ends the work.

        Raises:
            Gone: the answer broke off.
        """
        events = Events()
        with self._asked({**request, "stream": True}, PATH) as response:
            if response.status != OK:
                hear(json.load(response))
                return
            while piece := response.read1(PIECE):
                for data in events.feed(piece):
                    if data != DONE and hear(json.loads(data)):
                        return

    @contextmanager
    def _asked(self, request: Message, path: str) -> Iterator[HTTPResponse]:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        with closing(_door(self.address)) as door:
            try:
                door.request("POST", path, json.dumps(request), headers)
                yield door.getresponse()
            except (OSError, HTTPException) as error:
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(SOON)
                raise Gone(f"llama.cpp's process doesn't answer ({error!r})") from error


class Apart:
    """The process, which is started with the first order, and again if it has ended by itself."""

    def __init__(self) -> None:
        self._key = secrets.token_hex(16)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._closed = False

    def load(self, order: Order) -> Server:
        """Have a GGUF loaded, and wait until it can be asked.

        Raises:
            LoadFailed: it can't serve; nothing stays of it.
        """
        with self._lock:
            if self._closed:
                raise LoadFailed("the engine is closing")
            if self._process is None or self._process.poll() is not None:
                self._end()
                self._process = _begun()
            told = _answer(self._process, {**order.written(), "key": self._key})
            if "address" not in told:
                raise LoadFailed(
                    told.get("failed", "llama.cpp's process ended; see its lines above")
                )
            return Server(told["address"], self._key, self._process)

    def free(self, server: Server) -> None:
        """Give its memory back."""
        with self._lock:
            if server.process is self._process:
                _answer(self._process, {"free": server.address})

    def close(self) -> None:
        """End the process for good; what it still writes breaks off."""
        with self._lock:
            self._closed = True
            self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in filter(None, (process.stdin, process.stdout)):
            with suppress(BrokenPipeError):  # it has ended before it took an order
                pipe.close()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _begun() -> "subprocess.Popen[str]":
    return subprocess.Popen(  # noqa: S603 - our own command
        COMMAND, env=beside(os.environ), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _answer(process: "subprocess.Popen[str]", order: Message) -> dict[str, str]:
    """Return what it says to an order, which is nothing if it ends instead."""
    if process.stdin is None or process.stdout is None:
        raise TypeError("a process without pipes")
    with suppress(BrokenPipeError):
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
    line = process.stdout.readline()
    told: dict[str, str] = json.loads(line) if line else {}
    return told


class _Unix(HTTPConnection):
    """A connection by way of a socket's file."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def _door(address: str) -> HTTPConnection:
    kind, _, place = address.partition("://")
    return _Unix(place) if kind == "unix" else HTTPConnection(place)
