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

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    delay = float(os.environ.get(DELAY, "0.02"))
    sys.exit(run(os.environ, lambda _: ScriptedEngine(delay=delay)))
