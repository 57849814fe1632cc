"""Has reward heads asked why they like an answer, or how a rater differs: by processes, one at a time.

`training.explain` and `training.rater` are these, since the chat has no torch. What they found is kept
in memory for as long as the head stays the same. Knows no person: whoever asks was checked before.
"""

import importlib.util
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hitl_chat import heat
from hitl_chat.processes import beside
from hitl_chat.trainer import LOWEST
from storage.home import Home

log = logging.getLogger(__name__)

COMMANDS: Mapping[str, Sequence[str]] = {
    "message": (sys.executable, "-m", "training.explain"),
    "rater": (sys.executable, "-m", "training.rater"),
}
"""By what they are asked about; its id is their option of that name."""
NEEDED = ("torch", "transformers", "peft")
"""What the process can't do without; a lean installation that only chats may lack it."""
LONGEST = 300.0
"""Seconds that a process gets. On two slow cores it takes about ten."""
MOST_WAITING = 8
MOST_KEPT = 256
MENDABLE = 2
"""Exit status of a process that says in its last line what is wrong and how to mend it."""
UNCLEAR = "That could not be looked at; the server's log says why."

Key = tuple[str, str, int]
"""What is asked about, its id, and when the head was written."""


@dataclass(frozen=True)
class Look:
    """How it stands with one answer or rater.

    `state` is done (then `told` holds what was found), working, busy (ask again later), no_head,
    no_trainer (its libraries aren't installed) or failed, for which `detail` is a line for the owner.
    """

    state: str
    told: dict[str, Any] | None = None
    seconds: int = 0
    detail: str = ""


class Explainer:
    """Starts a process for each answer or rater that is asked about, unless what it found is known."""

    def __init__(
        self,
        home: Home,
        env: Mapping[str, str],
        commands: Mapping[str, Sequence[str]] = COMMANDS,
    ) -> None:
        """`env` is what the process sees."""
        self._head = home.head
        self._env = beside(env)
        self._commands = commands
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, Look] = OrderedDict()
        self._asked: deque[Key] = deque()  # the first of them is being looked at
        self._newest: int | None = None
        self._begun: dict[Key, float] = {}
        self._process: subprocess.Popen[str] | None = None
        self._closed = False

    def look(self, one: str, kind: str = "message") -> Look:
        """Return what is known of an answer (or of a `rater`), and see to it that more will be.

        Ask again until done.
        """
        head = self._stamp()
        with self._lock:
            if head != self._newest:
                self._kept.clear()
                self._newest = head
            if head is None:
                return Look("no_head")
            key = (kind, one, head)
            known = self._kept.pop(key, None)
            if known:
                if known.told:  # a failure is told once; whoever asks again has it tried again
                    self._kept[key] = known
                return known
            if key in self._begun:
                return Look("working", seconds=int(time.monotonic() - self._begun[key]))
            return self._ask(key)

    def forget(self) -> None:
        """Forget what was found: it holds answers of somebody who was erased."""
        with self._lock:
            self._kept.clear()
            self._begun.clear()  # what is being looked at isn't kept either

    def close(self) -> None:
        """End the process, if one runs, and start no other."""
        with self._lock:
            self._closed = True
            if self._process:
                self._process.kill()

    def _ask(self, key: Key) -> Look:
        if not all(importlib.util.find_spec(name) for name in NEEDED):
            return Look("no_trainer")
        if self._closed or len(self._asked) >= MOST_WAITING:
            return Look("busy")
        self._begun[key] = time.monotonic()
        self._asked.append(key)
        if len(self._asked) == 1:
            threading.Thread(target=self._work, name="explainer", daemon=True).start()
        return Look("working")

    def _stamp(self) -> int | None:
        try:
            return self._head.stat().st_mtime_ns
        except FileNotFoundError:
            return None

    def _work(self) -> None:
        """Look at what was asked about, one after the other, until nothing is left."""
        while True:
            with self._lock:
                key = self._asked[0]
            found = self._run(*key[:2])
            with self._lock:
                self._asked.popleft()
                if self._begun.pop(key, None) is not None:
                    self._kept[key] = found
                if len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
                if not self._asked:
                    return

    def _run(self, kind: str, one: str) -> Look:
        """Return what the process found, or what went wrong."""
        try:
            process = self._start([*self._commands[kind], f"--{kind}", one])
            said, complained = process.communicate(timeout=LONGEST)
            if process.returncode == 0:
                told = json.loads(said)
                return Look("done", heat.read(told) if kind == "message" else told)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            log.warning("Looking at a %s took more than %.0f s; it was ended.", kind, LONGEST)
        except (OSError, ValueError, KeyError):
            log.exception("Looking at a %s failed", kind)
        else:
            if process.returncode == MENDABLE:
                return Look("failed", detail=complained.strip().splitlines()[-1])
            log.warning("Looking at a %s failed (%s):\n%s", kind, process.returncode, complained)
        return Look("failed", detail=UNCLEAR)

    def _start(self, command: Sequence[str]) -> subprocess.Popen[str]:
        with self._lock:
            if self._closed:
                raise BrokenPipeError("the app ends")
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                list(command),
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            os.setpriority(os.PRIO_PROCESS, self._process.pid, LOWEST)
            return self._process
