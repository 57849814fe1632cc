"""llama.cpp's servers, in a process that `hitl_chat.engines.apart` starts. Knows no version and no reply.

Each line of its input is an order: a GGUF to load, or a server to free. It answers each with a line, and
ends when its input does, so however the chat ends. Told to end with everybody else (Ctrl-C in a
terminal, a service manager), it stays: the chat has replies to end first.
"""

import json
import os
import signal
import socket
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn, TextIO

import xllamacpp

from hitl_chat.engines.apart import Order, Room
from hitl_chat.memory import give_back
from hitl_chat.processes import processors

BATCH = 128
"""Prompt tokens between two steps: long prompts don't stall other people's text."""
PIECE = 32
"""Prompt tokens in one pass; fewer than 64, see `_company_proof`."""
MOST_THREADS = 8
"""More only get in each other's way with the small models that CPUs serve."""


class Servers:
    """What is loaded, by address."""

    def __init__(self, folder: Path) -> None:
        """Doors and the like are put into `folder`, which only this user can see."""
        self._folder = folder
        self._servers: dict[str, tuple[xllamacpp.Server, TemporaryDirectory[str]]] = {}

    def obey(self, order: dict[str, Any]) -> dict[str, str]:
        """Do what an order says, and return the answer to it."""
        if "free" in order:
            server, own = self._servers.pop(order["free"])
            del server
            own.cleanup()
            give_back()
            return {}
        own = TemporaryDirectory(dir=self._folder, prefix="")
        try:
            server = _started(Order.read(order), order["key"], Path(own.name))
        except RuntimeError as error:
            own.cleanup()
            return {"failed": f"llama.cpp can't load {Path(order['path']).name}: {error}"}
        self._servers[server.listening_address] = server, own
        return {"address": server.listening_address}


def serve(orders: TextIO, out: TextIO) -> NoReturn:
    """Obey until there are no more orders, and end the process.

    Without a word to what is loaded: it has nothing to save, llama.cpp frees a model slowly, and
    waits forever for a server that is freed before its thread has begun to work.
    """
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.SIG_IGN)
    with TemporaryDirectory(prefix="hitl-") as folder:
        servers = Servers(Path(folder))
        for line in orders:
            out.write(json.dumps(servers.obey(json.loads(line))) + "\n")
            out.flush()
    os._exit(0)


def _started(order: Order, key: str, own: Path) -> xllamacpp.Server:
    """Start a server that only who knows the key can ask, with its files in a folder of its own."""
    params = _parameters(order.path, order.room)
    params.api_keys = [key]
    params.slot_save_path = f"{own}{os.sep}"
    if hasattr(socket, "AF_UNIX"):
        params.hostnames = [str(own / "door.sock")]
    else:
        params.hostnames, params.port = ["127.0.0.1"], 0
    return xllamacpp.Server(params)


def _parameters(path: Path, room: Room) -> xllamacpp.CommonParams:
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.model_alias = [path.stem]
    params.n_parallel = room.slots
    params.n_ctx = room.slots * room.context
    params.n_batch = BATCH
    threads = room.threads or min(MOST_THREADS, processors())
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.n_gpu_layers = 0
    params.cache_ram_mib = 0  # eight gigabytes unless told; the slots' own memory is enough
    params.fit_params = False  # it loads everything twice to see whether it fits
    params.warmup = False  # the smoke prompt does that
    params.verbosity = 1  # errors
    params.n_threads_http = room.slots + 1  # each is held by a reply; one for who is just leaving
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


if __name__ == "__main__":
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what llama.cpp prints isn't an answer
    serve(sys.stdin, told)
