"""Starts the app as a process of its own on a free port, and ends it. Knows no page."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path

from storage.database import Database
from storage.home import Home
from tests.fork import Fork

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 120.0
END_SECONDS = 20.0
SERVE = "tests.serve"
LATE = ("HITL_", "SCRIPTED_", "GRADIO_SERVER_PORT")
"""How settings begin that are read when the app starts, not while its modules are loaded."""


class Server:
    """A running app; its data folder outlives it."""

    def __init__(self, folder: Path, module: str = SERVE, **env: str) -> None:
        """`module` is run, by default the app with the scripted engine.

        `env` goes on top of settings that keep the network and the trainer out.
        """
        self._module = module
        self._forked = module == SERVE and all(name.startswith(LATE) for name in env)
        self.home = Home.from_env({**env, "HITL_DATA_DIR": str(folder)})
        self.port = free_port()
        self._log = folder.parent / f"{folder.name}-{self.port}.log"
        self._hold = self._log.with_suffix(".hold")
        ours = {
            "HITL_DATA_DIR": str(folder),
            "HITL_TRAINER": "off",
            "HITL_SECRET": "test secret",
            "HITL_TRAIN_AFTER": "16",
            "GRADIO_SERVER_PORT": str(self.port),
            "GRADIO_ANALYTICS_ENABLED": "False",
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "SCRIPTED_HOLD": str(self._hold),
        }
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("HITL_", "GRADIO_"))}
        self._env = {**inherited, **ours, **env}
        self._process: Fork | subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What the server said on its terminal."""
        return self._log.read_text()

    def start(self) -> "Server":
        """Start and wait until the server says that it is well."""
        self._process = self._begun()
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with get(f"{self.url}/healthz"):
                    return self
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"No server:\n{self.log}") from None
                time.sleep(0.1)

    def _begun(self) -> Fork | subprocess.Popen[bytes]:
        if self._forked:
            return Fork(self._module, self._env, self._log)
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", self._module],
                env=self._env,
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def end(self) -> int:
        """End with SIGTERM; returns the exit status."""
        if self._process is None:
            return 0
        self._process.terminate()
        status = self._process.wait(END_SECONDS)
        self._process = None
        return status

    def kill(self) -> None:
        """End with SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(END_SECONDS)
            self._process = None

    @contextmanager
    def held(self, words: int) -> Iterator[None]:
        """Keep the scripted engine from saying more than so many words, until the block ends."""
        self.hold(words)
        try:
            yield
        finally:
            self._hold.unlink()

    def hold(self, steps: int) -> None:
        """Let no reply go further than so many places in the queue and words."""
        new = self._hold.with_suffix(".new")
        new.write_text(str(steps))
        new.replace(self._hold)

    def database(self) -> Database:
        """Open the server's database beside it; close it afterwards."""
        return Database.existing(self.home)


def get(url: str) -> HTTPResponse:
    """Open an address of a server of ours."""
    response: HTTPResponse = urllib.request.urlopen(url, timeout=5)  # noqa: S310
    return response


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
