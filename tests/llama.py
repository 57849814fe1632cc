"""A real llama.cpp server that speaks OpenAI's protocol: `python -m tests.llama MODEL.gguf PORT`."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import xllamacpp

from hitl_chat.settings import Endpoint
from tests.server import END_SECONDS, ROOT, START_SECONDS, free_port, get

SLOTS = 4
CONTEXT = 512
KEY = "sk-test-llama"


@contextmanager
def serving(gguf: Path) -> Iterator[Endpoint]:
    """Run the server as a process of its own until the end of the block."""
    port = free_port()
    command = [sys.executable, "-m", "tests.llama", str(gguf), str(port)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        _wait_until_well(process, f"http://127.0.0.1:{port}/health")
        yield Endpoint(f"http://127.0.0.1:{port}/v1", KEY, "tiny")
    finally:
        process.kill()
        process.wait(END_SECONDS)


def _wait_until_well(process: "subprocess.Popen[bytes]", url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with get(url):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("No llama.cpp server; see its lines above.") from None
            time.sleep(0.05)


def main(gguf: str, port: str) -> None:
    """Serve until somebody ends this process."""
    params = xllamacpp.CommonParams()
    params.model.path = gguf
    params.model_alias = ["tiny"]
    params.hostnames, params.port = ["127.0.0.1"], int(port)
    params.api_keys = [KEY]
    params.n_parallel, params.n_ctx = SLOTS, SLOTS * CONTEXT
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    # The same answer alone and in company; hitl_chat.engines.loaded says why.
    params.n_batch, params.n_ubatch, params.no_extra_bufts = 128, 32, True
    params.cache_type_k = xllamacpp.ggml_type.GGML_TYPE_F16
    params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_BF16
    params.n_gpu_layers, params.cache_ram_mib, params.verbosity = 0, 0, 1
    params.fit_params = params.warmup = params.ui = False
    params.endpoint_slots = True
    server = xllamacpp.Server(params)
    while server:
        time.sleep(60)


if __name__ == "__main__":
    main(*sys.argv[1:])
