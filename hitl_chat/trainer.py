"""Keeps the trainer process running beside the chat. Knows nothing of what it does.

The trainer holds the read end of a pipe whose other end lives here: when this process goes, however
it goes, the trainer sees the pipe close and ends too.
"""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from hitl_chat.processes import beside

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "training.worker", "--attached")
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
STAND_BY = 2.0
"""Seconds between two looks whether another process still trains."""
HEALTHY = 60.0
"""Seconds after which a run counts as good, and the next restart is quick again."""
LOWEST = 19
"""Priority of the trainer: chat comes first."""
PATIENCE = 10.0
"""Seconds that a trainer gets to end by itself."""


class Trainer:
    """Starts the trainer, starts it again when it dies, and ends it with the chat.

    While another process trains it stands by, and takes over when that one is gone.
    """

    def __init__(
        self,
        env: Mapping[str, str],
        taken: Callable[[], bool],
        command: Sequence[str] = COMMAND,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        """`env` is what the trainer sees; `taken` tells whether another process trains."""
        self._env = beside(env)
        self._taken = taken
        self._command = list(command)
        self._first_pause = first_pause
        self._leave = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._keep, name="trainer", daemon=True)

    @property
    def pid(self) -> int | None:
        """The running trainer's process id, or None between two runs."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def start(self) -> None:
        """Start the trainer and keep it running."""
        self._thread.start()

    def close(self) -> None:
        """Ask the trainer to end, and make sure that it does."""
        with self._lock:
            self._leave.set()
            process = self._process
            if process and process.stdin:
                process.stdin.close()
        if process:
            _end(process)
        if self._thread.is_alive():
            self._thread.join()

    def _keep(self) -> None:
        pause = self._first_pause
        while self._stand_by():
            begun = time.monotonic()
            ended = self._run()
            if self._leave.is_set():
                return
            if time.monotonic() - begun > HEALTHY:
                pause = self._first_pause
            log.warning("The trainer %s; it starts again in %.0f s.", ended, pause)
            if self._leave.wait(pause):
                return
            pause = min(pause * 2, LONGEST_PAUSE)

    def _run(self) -> str:
        """Run it once; returns what came of that."""
        try:
            process = self._launch()
        except OSError as error:  # the machine has no memory or no process left just now
            return f"could not be started ({error})"
        if process is None:
            return "stays off"
        code = process.wait()
        if process.stdin:
            process.stdin.close()
        return f"ended (code {code})"

    def _stand_by(self) -> bool:
        """Wait until nobody else trains; False when this closes meanwhile."""
        said = False
        while self._taken():
            if not said:
                log.info("Another process trains; this one stands by.")
                said = True
            if self._leave.wait(STAND_BY):
                return False
        return not self._leave.is_set()

    def _launch(self) -> subprocess.Popen[bytes] | None:
        """Start one run, unless this is closing."""
        with self._lock:
            if self._leave.is_set():
                return None
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                self._command, env=self._env, stdin=subprocess.PIPE
            )
            # At once: what it imports first takes seconds, in which people ask their first question.
            os.setpriority(os.PRIO_PROCESS, self._process.pid, LOWEST)
            return self._process


def _end(process: subprocess.Popen[bytes]) -> None:
    """Wait, then insist, then force."""
    for insist in (process.terminate, process.kill):
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            insist()
    process.wait()
