"""What all measurements share: a data folder with two adapters, the questions, the token count.

Knows how to prepare, not what is measured.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle, islice
from pathlib import Path

from benchmarks.exams import prompts
from benchmarks.running import ROOT, ServerFailed
from benchmarks.simulate import models_shared
from hitl_chat.engines.protocol import Sampling
from storage.home import Home
from training.gguf import Gguf, locate, read, wanted
from training.vocabulary import Vocabulary

TEMPERATURE = "0.7"
ADAPTERS = "2"


@dataclass(frozen=True)
class Amounts:
    """How much is measured: rounds of each section, tokens of an answer, swaps, seconds between."""

    rounds: int
    tokens: int
    swaps: int
    pause: float


@dataclass(frozen=True)
class Bench:
    """One run. `env` names the prepared data folder; in it the first of `versions` serves."""

    env: Mapping[str, str]
    versions: tuple[str, str]
    amounts: Amounts

    @property
    def home(self) -> Home:
        """The data folder."""
        return Home.from_env(self.env)

    @property
    def sampling(self) -> Sampling:
        """How answers are drawn, on all sides."""
        return Sampling(float(TEMPERATURE), max_new_tokens=self.amounts.tokens)

    @cached_property
    def gguf(self) -> Gguf:
        """The base as llama.cpp has it."""
        path = locate(wanted(self.env))
        if path is None:
            raise ServerFailed("The model has no GGUF file. Leave HITL_MODEL out.")
        return read(path)

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return Vocabulary(self.gguf.values)

    def count(self, text: str) -> int:
        """Count tokens with the model's own tokenizer, whichever side wrote the text."""
        return len(self._vocabulary.encode(text, add_special_tokens=False))

    def questions(self, number: int, start: int = 0) -> list[str]:
        """Return questions from place `start` on; over again once all were asked.

        Who asks on and on must not repeat itself soon: llama.cpp remembers what it read last.
        """
        every, _ = prompts(0, 0)
        return list(islice(cycle(every), start % len(every), start % len(every) + number))


@contextmanager
def prepared(env: Mapping[str, str], amounts: Amounts) -> Iterator[Bench]:
    """Make a data folder that lasts as long as the block, with adapters drawn by torch elsewhere."""
    with tempfile.TemporaryDirectory() as folder:
        models_shared(env, Path(folder))
        own = {
            **env,
            "HITL_DATA_DIR": folder,
            "HITL_TRAINER": "off",
            "HITL_MAX_NEW_TOKENS": str(amounts.tokens),
            "HITL_TEMPERATURE": TEMPERATURE,
        }
        own.pop("HITL_DATABASE_URL", None)
        done = subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-m", "benchmarks.drawn", ADAPTERS],
            env=own,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ServerFailed("No adapter could be drawn; see the lines above.")
        first, second = json.loads(done.stdout.splitlines()[-1])
        yield Bench(own, (first, second), amounts)
