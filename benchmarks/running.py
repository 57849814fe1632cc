"""Servers as processes of their own, started and ended as a host would. Knows no endpoint but one."""

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
APP = (sys.executable, "app.py")
HEALTH = "/healthz"
ANSWERS = "hitl_chat.engines"
"""In the command of a process that answers for the chat."""
START_SECONDS = 180
END_SECONDS = 60
LOOK_EVERY = 0.05


class ServerFailed(RuntimeError):
    """A server didn't do its part; shown to whoever runs the benchmark."""


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    address: str
    pid: int

    def resident_mb(self) -> float | None:
        """Return how much memory it holds right now, with the process that answers for it if any.

        None where /proc doesn't tell. The trainer isn't counted.
        """
        try:
            begun = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii")
            answers = [pid for pid in begun.split() if ANSWERS in _of(pid, "cmdline")]
            return sum(_resident_mb(pid) for pid in (str(self.pid), *answers))
        except OSError:
            return None


def _of(pid: str, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8")


def _resident_mb(pid: str) -> float:
    held = [line for line in _of(pid, "status").splitlines() if line.startswith("VmRSS:")]
    return sum(int(line.split()[1]) for line in held) / 1024


@contextmanager
def serving(
    env: Mapping[str, str], command: Sequence[str] = APP, health: str = HEALTH
) -> Iterator[Running]:
    """Run a server on a free port until the end of the block; what it prints goes to stderr.

    A SIGTERM to this process ends it too. Call it from the main thread.

    Raises:
        ServerFailed: it ended, or `health` didn't answer in time.
    """
    port = free_port()
    running = {**env, "GRADIO_SERVER_PORT": str(port)}
    process = subprocess.Popen(  # noqa: S603 - our own commands
        command, env=running, cwd=ROOT, stdout=sys.stderr
    )
    address = f"http://127.0.0.1:{port}"
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        _wait_until_well(process, address + health)
        yield Running(address, process.pid)
    finally:
        signal.signal(signal.SIGTERM, before)
        end(process)


def end(process: "subprocess.Popen[str] | subprocess.Popen[bytes]") -> None:
    """Ask a process to end, and wait for it."""
    process.terminate()
    process.wait(END_SECONDS)


def _leave(number: int, _frame: object) -> None:
    """End as Ctrl-C does, so that what was started is ended too."""
    sys.exit(128 + number)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_until_well(process: "subprocess.Popen[bytes]", url: str) -> None:
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up:
        if process.poll() is not None:
            raise ServerFailed(
                f"The server ended with status {process.returncode}; see its lines above."
            )
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own
                return
        except OSError:  # not listening yet
            time.sleep(LOOK_EVERY)
    raise ServerFailed(f"The server didn't answer within {START_SECONDS} seconds.")
