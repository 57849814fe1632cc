"""Who is measured, each asked the same: ours, bare llama.cpp, and what people would build otherwise.

Knows how to ask each of them, not what is compared.
"""

import json
import subprocess
import sys
import zlib
from collections.abc import Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Protocol, Self

import xllamacpp

from benchmarks.replies import Batch, Hear, Heard, drive
from benchmarks.running import ROOT, end
from hitl_chat.engines.protocol import Engine, Sampling
from training.gguf import Gguf

PLAIN = (sys.executable, "-m", "benchmarks.plain")
STREAMS = 8
CONTEXT = 1024
"""Tokens of one stream; ours has the same."""


class Side(Protocol):
    """Answers questions."""

    def answer(self, prompts: Sequence[str], streams: int) -> Batch:
        """Answer all of them, `streams` at a time."""


class Ours:
    """The product's engine, in this process as in the chat process."""

    def __init__(self, engine: Engine, sampling: Sampling) -> None:
        self._engine = engine
        self._sampling = sampling

    def answer(self, prompts: Sequence[str], streams: int) -> Batch:
        """Answer with the version that serves."""
        return drive([partial(self._ask, prompt) for prompt in prompts], streams)

    def _ask(self, prompt: str, hear: Hear) -> None:
        turns = [{"role": "user", "content": prompt}]
        for reply in self._engine.stream(turns, self._sampling, seed_of(prompt)):
            hear(reply.text)
        if reply.stop_reason == "error":
            raise RuntimeError("The engine failed; see its lines above.")


class Bare:
    """A plain xllamacpp server without an adapter, as its README starts one, with eight slots."""

    def __init__(self, gguf: Gguf, sampling: Sampling) -> None:
        params = xllamacpp.CommonParams()
        params.model.path = str(gguf.path)
        params.n_parallel = STREAMS
        params.n_ctx = STREAMS * CONTEXT
        params.verbosity = 1  # errors
        self._server: Any = xllamacpp.Server(params)
        self._sampling = sampling

    def answer(self, prompts: Sequence[str], streams: int) -> Batch:
        """Answer with the bare base."""
        return drive([partial(self._ask, prompt) for prompt in prompts], streams)

    def _ask(self, prompt: str, hear: Hear) -> None:
        text = ""
        failure: dict[str, Any] | None = None

        def take(message: dict[str, Any]) -> None:  # it must not raise: that would be swallowed
            nonlocal text, failure
            if message.get("choices"):
                text += message["choices"][0]["delta"].get("content") or ""
                hear(text)
            else:
                failure = message

        request = {
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": self._sampling.max_new_tokens,
            "temperature": self._sampling.temperature,
            "top_p": self._sampling.top_p,
            "seed": seed_of(prompt),
            "stream": True,
        }
        self._server.handle_chat_completions(request, take)
        if failure is not None:
            raise RuntimeError(f"llama.cpp failed: {failure}")


class Plain:
    """`benchmarks.plain` without Gradio, in a process of its own."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [*PLAIN, "--lines"],
            env=dict(env),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def answer(self, prompts: Sequence[str], streams: int) -> Batch:
        """Answer with the bare base."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("The process has no pipes.")
        self._process.stdin.write(json.dumps({"prompts": list(prompts), "streams": streams}) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        return Batch([Heard(**one) for one in told["heard"]], told["seconds"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process."""
        with self._process:  # closes the pipes
            end(self._process)


def seed_of(prompt: str) -> int:
    """Return the same seed for the same question on all sides."""
    return zlib.crc32(prompt.encode()) & 0x7FFFFFFF
