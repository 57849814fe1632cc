"""A process made from one that has loaded the app already, which is most of a start. Knows no server."""

import multiprocessing
import os
import runpy
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from unittest.mock import patch

multiprocessing.get_context("forkserver").set_forkserver_preload(["app", "tests.scripted"])


class Fork(ForkServerProcess):
    """What `subprocess.Popen` gives, as far as a server is handled."""

    def __init__(self, module: str, env: dict[str, str], log: Path) -> None:
        """Run a module as `python -m` does, with all that it says in `log`."""
        super().__init__(target=_run, args=(module, env, log), daemon=True)
        with patch.dict(os.environ, env):  # the first one's are there while modules are loaded
            self.start()

    def poll(self) -> int | None:
        """Return its status if it has ended."""
        return self.exitcode

    def wait(self, timeout: float) -> int:
        """Return its status as soon as it ends."""
        self.join(timeout)
        assert self.exitcode is not None, f"still running after {timeout} s"
        return self.exitcode


def _run(module: str, env: dict[str, str], log: Path) -> None:
    os.environ.clear()
    os.environ.update(env)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
