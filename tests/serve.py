"""The real app with the scripted engine, as a process of its own: `python -m tests.serve`.

Port, data folder and the rest come from the environment, as in production.
"""

import logging
import os
import sys
from pathlib import Path

from app import run
from tests.scripted import ScriptedEngine

DELAY = "SCRIPTED_DELAY"
"""Seconds for one word."""
AHEAD = "SCRIPTED_AHEAD"
"""How many others wait before each reply."""
HOLD = "SCRIPTED_HOLD"
"""The file that says how far replies may go."""

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    delay = float(os.environ.get(DELAY, "0.02"))
    ahead = int(os.environ.get(AHEAD, "0"))
    hold = Path(os.environ[HOLD]) if HOLD in os.environ else None
    sys.exit(run(os.environ, lambda _: ScriptedEngine(delay=delay, ahead=ahead, hold=hold)))
