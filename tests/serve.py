"""The real app with the scripted engine, as a process of its own: `python -m tests.serve`.

Port, data folder and the rest come from the environment, as in production.
"""

import logging
import os
import sys

from app import run
from tests.scripted import ScriptedEngine

DELAY = "SCRIPTED_DELAY"
"""Seconds for one word."""
AHEAD = "SCRIPTED_AHEAD"
"""How many others wait before each reply."""

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    delay = float(os.environ.get(DELAY, "0.02"))
    ahead = int(os.environ.get(AHEAD, "0"))
    sys.exit(run(os.environ, lambda _: ScriptedEngine(delay=delay, ahead=ahead)))
