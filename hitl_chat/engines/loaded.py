"""One version in llama.cpp's memory, with the threads that carry its text.

Knows files and token ids, not conversations, and not which version serves.
"""

import math
import os
import socket
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xllamacpp

from hitl_chat.engines.growing import Growing
from hitl_chat.memory import give_back

BATCH = 128
"""Prompt tokens between two steps: long prompts don't stall other people's text."""
PIECE = 32
"""Prompt tokens in one pass; fewer than 64, see `_company_proof`."""
SMOKE_TOKENS = 2
SURE = 1_000.0
"""More than any logit; what isn't finite stays that."""
MOST_THREADS = 8
"""More only get in each other's way with the small models that CPUs serve."""


class LoadFailed(RuntimeError):
    """llama.cpp refuses a file, or it gives no numbers."""


@dataclass(frozen=True)
class Room:
    """How much a server takes on: replies at once, tokens of each, and threads to work with.

    `short_keys` keeps attention's keys at eight bits, in half of the memory, which takes keys that
    are a multiple of 32 wide.
    """

    slots: int
    context: int
    threads: int | None = None
    short_keys: bool = False


class Loaded:
    """A GGUF that answers."""

    def __init__(self, version: str, path: Path, room: Room, smoke: list[int]) -> None:
        """Load `path` and try it on the prompt `smoke`.

        Raises:
            LoadFailed: it can't serve; nothing stays of it.
        """
        self.version = version
        try:
            self._server: Any = _start(_parameters(path, room))
        except RuntimeError as error:
            raise LoadFailed(f"llama.cpp can't load {path.name}") from error
        # Before anything may free it: xllamacpp hangs for ever on a server that never worked.
        if not self._sane(smoke):
            raise LoadFailed(f"{path.name} gives NaN, infinity or nothing")
        self._pool = ThreadPoolExecutor(room.slots, thread_name_prefix=f"llama {version}")

    def write(self, growing: Growing) -> "Future[None]":
        """Write a reply as soon as a slot is free."""
        return self._pool.submit(self._write, growing)

    def close(self) -> None:
        """Wait for the replies in flight, then free the memory."""
        self._pool.shutdown(wait=True)
        self._server = None
        give_back()

    def _write(self, growing: Growing) -> None:
        try:
            if not growing.over:
                self._server.handle_completions(growing.request(), growing.hear)
        finally:
            growing.end("error")  # unless it has ended, as it should have

    def _sane(self, prompt: list[int]) -> bool:
        answer = self._server.handle_completions(
            {
                "prompt": prompt,
                "n_predict": SMOKE_TOKENS,
                "temperature": 0,
                "n_probs": 1,
                # Ends and half characters come without probabilities, so this token is all it says.
                "logit_bias": [[prompt[0], SURE]],
            }
        )
        try:
            tokens = answer["choices"][0]["logprobs"]["content"]
            return bool(tokens) and all(math.isfinite(token["logprob"]) for token in tokens)
        except (KeyError, TypeError):
            return False


def _parameters(path: Path, room: Room) -> xllamacpp.CommonParams:
    """Return the settings of a server that nobody but this process can reach."""
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.model_alias = path.stem
    params.n_parallel = room.slots
    params.n_ctx = room.slots * room.context
    params.n_batch = BATCH
    threads = room.threads or min(MOST_THREADS, _processors())
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.n_gpu_layers = 0
    params.cache_ram_mib = 0  # eight gigabytes unless told; the slots' own memory is enough
    params.fit_params = False  # it loads everything twice to see whether it fits
    params.warmup = False  # the smoke prompt does that
    params.verbosity = 1  # errors
    params.n_threads_http = 1
    params.endpoint_slots = params.ui = False
    kinds = xllamacpp.ggml_type
    params.cache_type_k = kinds.GGML_TYPE_Q8_0 if room.short_keys else kinds.GGML_TYPE_F16
    _company_proof(params)
    return params


def _company_proof(params: xllamacpp.CommonParams) -> None:
    """Make a reply the same, bit by bit, whoever else is being answered.

    Otherwise it couldn't be drawn again from its seed. llama.cpp has faster ways for some shapes of
    a batch, which round differently, and a near tie then falls the other way: attention in tiles
    (64 prompt tokens and more), attention split over threads (one reply alone, more than 256
    tokens; not if values are of another kind than keys), and maps that are repacked at loading.
    """
    params.n_ubatch = PIECE
    params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_BF16
    params.no_extra_bufts = True


def _start(params: xllamacpp.CommonParams) -> xllamacpp.Server:
    """Start a server. It insists on listening, so it gets a door that is removed at once."""
    if not hasattr(socket, "AF_UNIX"):
        params.api_keys = [os.urandom(16).hex()]
        return xllamacpp.Server(params)
    with tempfile.TemporaryDirectory(prefix="hitl-") as folder:
        params.hostnames = [str(Path(folder) / "llama.sock")]
        return xllamacpp.Server(params)


def _processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
