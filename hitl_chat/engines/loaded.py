"""One version in llama.cpp's memory, with the threads that carry its text.

Knows files and token ids, not conversations, and not which version serves.
"""

import logging
import math
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from hitl_chat.engines.apart import Apart, Gone, LoadFailed, Order, Server
from hitl_chat.engines.growing import Growing

log = logging.getLogger(__name__)

SMOKE_TOKENS = 2
SURE = 1_000.0
"""More than any logit; what isn't finite stays that."""


@dataclass(frozen=True)
class Smoke:
    """What a version is tried on: a prompt, and the token that it is made to say.

    The prompt begins as everybody's do, so that nobody waits for that beginning to be read.
    """

    prompt: list[int]
    said: int


class Loaded:
    """A GGUF that answers."""

    def __init__(self, version: str, order: Order, apart: Apart, smoke: Smoke) -> None:
        """Have it loaded `apart` and tried.

        Raises:
            LoadFailed: it can't serve; nothing stays of it.
        """
        self.version = version
        self._order, self._apart = order, apart
        self._again = threading.Lock()
        self._server = apart.load(order)
        # Before anything may free it: xllamacpp hangs for ever on a server that never worked.
        if not self._sane(smoke):
            apart.free(self._server)
            raise LoadFailed(f"{order.path.name} gives NaN, infinity or nothing")
        self._share(order.room.slots)
        self._pool = ThreadPoolExecutor(order.room.slots, thread_name_prefix=f"llama {version}")

    def write(self, growing: Growing) -> "Future[None]":
        """Write a reply as soon as a slot is free."""
        return self._pool.submit(self._write, growing)

    def close(self) -> None:
        """Wait for the replies in flight, then have its memory freed."""
        self._pool.shutdown(wait=True)
        self._apart.free(self._server)

    def _write(self, growing: Growing) -> None:
        try:
            if not growing.over:
                self._there().stream(growing.request(), growing.hear)
        except (Gone, LoadFailed) as error:
            log.error("An answer of version %s broke off: %s.", self.version, error)  # noqa: TRY400
        finally:
            growing.end("error")  # unless it has ended, as it should have

    def _there(self) -> Server:
        """Return the server; one whose process has ended is loaded again, for whoever asks next."""
        with self._again:
            if self._server.gone:
                log.error("What serves version %s has ended. It is loaded again.", self.version)
                self._server = self._apart.load(self._order)
            return self._server

    def _share(self, slots: int) -> None:
        """Let every slot begin with the prompt that the first one was tried on."""
        try:
            told = self._server.share(slots)
        except Gone as error:
            self._apart.free(self._server)
            raise LoadFailed(str(error)) from error
        if refused := [one["error"] for one in told if "error" in one]:
            log.warning("Version %s reads each prompt from its start: %s", self.version, refused[0])

    def _sane(self, smoke: Smoke) -> bool:
        request = {
            "prompt": smoke.prompt,
            "id_slot": 0,
            "n_predict": SMOKE_TOKENS,
            "temperature": 0,
            "n_probs": 1,
            # Ends and half characters come without probabilities, so this token is all it says.
            "logit_bias": [[smoke.said, SURE]],
        }
        try:
            tokens = self._server.ask(request)["choices"][0]["logprobs"]["content"]
            return bool(tokens) and all(math.isfinite(token["logprob"]) for token in tokens)
        except (Gone, KeyError, TypeError):
            return False
