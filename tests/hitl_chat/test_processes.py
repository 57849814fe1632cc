import os
import subprocess
import sys
from pathlib import Path

import pytest

from hitl_chat.processes import beside

TELL = "from hitl_chat.processes import processors; print(processors())"


def told(folder: Path, before: str = "") -> str:
    """Return what a process says that begins elsewhere."""
    command = [sys.executable, "-c", before + TELL]
    done = subprocess.run(
        command, env=beside(os.environ), cwd=folder, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.strip()


def test_a_process_finds_our_modules_wherever_it_runs(tmp_path: Path) -> None:
    assert int(told(tmp_path)) >= 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processors can't be chosen here")
def test_processors_that_a_process_may_not_use_do_not_count(tmp_path: Path) -> None:
    first = min(os.sched_getaffinity(0))
    assert told(tmp_path, f"import os; os.sched_setaffinity(0, {{{first}}}); ") == "1"
