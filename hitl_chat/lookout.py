"""A thread that looks again and again until it is told to stop. Knows not what it looks at."""

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class Lookout:
    """Calls `look` every so many seconds, from `start` to `close`, however a look ends."""

    def __init__(self, name: str, look: Callable[[], None], every: float) -> None:
        self._look = look
        self._every = every
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to look; the first time is in so many seconds."""
        self._thread.start()

    def close(self) -> None:
        """Stop, after the look that is under way."""
        self._leave.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        told = ""
        while not self._leave.wait(self._every):
            try:
                self._look()
            except Exception as error:
                if repr(error) != told:  # said once, not at each look
                    log.exception("The %s looks again in a moment.", self._thread.name)
                told = repr(error)
            else:
                told = ""
