"""People who use a running server through gradio_client, each with a client of their own.

Knows the two kinds of servers' endpoints, not what is measured.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from gradio_client import Client
from gradio_client.client import Job

from benchmarks.replies import Batch, Hear, Question, drive

LOOK_EVERY = 0.01
"""Iterating over a job would look a thousand times a second, at the server's cost."""
BUSY = ("try again shortly", "queue is full")
"""What a clear refusal says."""


class Clients:
    """Everybody is connected before the clock starts."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._clients: list[Client] = []
        self.placed: set[int] = set()
        """Whom the server told how many wait before them."""

    def answer(self, prompts: Sequence[str], streams: int) -> Batch:
        """Answer with what the server has."""
        return drive(self._questions(prompts), streams)

    def crowd(self, prompts: Sequence[str]) -> Batch:
        """Ask everything at once; whatever goes wrong is noted."""
        return drive(self._questions(prompts), len(prompts), (Exception,))

    def _questions(self, prompts: Sequence[str]) -> list[Question]:
        while len(self._clients) < len(prompts):
            self._clients.append(Client(self._address, verbose=False))
        self.placed.clear()
        return [
            partial(self._follow, place, self._prepared(self._clients[place], prompt))
            for place, prompt in enumerate(prompts)
        ]

    def _prepared(self, client: Client, prompt: str) -> Callable[[], Job]:
        started = client.predict(api_name="/start")
        return partial(
            client.submit, started["token"], started["conversation"], prompt, api_name="/chat"
        )

    def _follow(self, place: int, submit: Callable[[], Job], hear: Hear) -> None:
        job = submit()
        seen = 0
        over = False
        while not over:
            over = job.done()  # read before the outputs: the last one is never missed
            outputs = job.outputs()
            if any(_waits(output) for output in outputs[seen:]):
                self.placed.add(place)
            if len(outputs) > seen:
                seen = len(outputs)
                hear(_text(outputs[-1]))
            time.sleep(0 if over else LOOK_EVERY)
        job.result()  # raises what went wrong


class PlainClients(Clients):
    """The same for `benchmarks.plain`, whose conversations are Gradio sessions."""

    def _prepared(self, client: Client, prompt: str) -> Callable[[], Job]:
        client.reset_session()
        return partial(client.submit, prompt, api_name="/chat")


def busy(problem: str) -> bool:
    """Tell whether a refusal says clearly that too many people are here."""
    return any(words in problem.lower() for words in BUSY)


def _waits(output: Any) -> bool:  # noqa: ANN401 - whatever an endpoint gives
    return isinstance(output, dict) and bool(output.get("ahead"))


def _text(output: Any) -> str:  # noqa: ANN401 - whatever an endpoint gives
    return str(output["text"] if isinstance(output, dict) else output)
