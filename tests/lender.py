"""A stand-in of `spaces.GPU`: each call runs in a process that is forked for it, in a thread of its own.

As on ZeroGPU the arguments and what is yielded are pickled, and nothing else comes back.
"""

import multiprocessing
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any

import gradio

from hitl_chat.engines.lent import Order, seconds
from hitl_chat.engines.protocol import Reply

FORK = multiprocessing.get_context("fork")


class Lender:
    """Lends a GPU that isn't there, or refuses as the Space's lender does."""

    def __init__(self) -> None:
        self.refusal: Exception | None = None
        """Raised at the next calls."""
        self.asked_for: list[int] = []
        """Seconds, by call."""
        self.left = FORK.Value("i", 0)
        """Calls that were closed before their end."""

    def __call__(self, task: Callable[[Order], Any]) -> Callable[[Order], Any]:
        """Decorate."""

        def lent(order: Order) -> Iterator[Reply]:
            self.asked_for.append(seconds(order))
            if self.refusal:
                raise self.refusal
            yield from self._elsewhere(task, pickle.loads(pickle.dumps(order)))  # noqa: S301

        return lent

    def _elsewhere(self, task: Callable[[Order], Any], order: Order) -> Iterator[Reply]:
        said: Any = FORK.SimpleQueue()
        stop = FORK.Event()

        run = (self._run, task, order, said, stop)
        process = FORK.Process(target=_in_a_thread, args=run, daemon=True)
        process.start()
        try:
            while (state := said.get()) is not None:
                if isinstance(state, Exception):
                    raise state
                yield state
        finally:
            stop.set()
            while process.is_alive():
                while not said.empty():
                    said.get()
                process.join(0.01)

    def _run(self, task: Callable[[Order], Any], order: Order, said: Any, stop: Any) -> None:  # noqa: ANN401
        states = task(order)
        try:
            for state in states:
                if stop.is_set():
                    states.close()
                    self.left.value += 1
                    break
                said.put(state)
        except Exception as error:  # noqa: BLE001 - told by its name, as the lender does
            said.put(gradio.Error(type(error).__name__))
        said.put(None)


def _in_a_thread(run: Callable[..., None], *args: object) -> None:
    """The thread that forked may have a share in locks of OpenMP; a new one has none."""
    thread = threading.Thread(target=run, args=args)
    thread.start()
    thread.join()
