"""What processes beside the chat see. Knows none of them."""

import os
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def beside(env: Mapping[str, str]) -> dict[str, str]:
    """Return what a process of ours sees, which finds our modules wherever it runs."""
    paths = [str(ROOT), *filter(None, [env.get("PYTHONPATH")])]
    return {**env, "PYTHONPATH": os.pathsep.join(paths)}
