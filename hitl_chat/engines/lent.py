"""One answer, written on a GPU that is lent for it. Knows no lender, no other answer and no person.

Runs in a process that was forked for the GPU. Nothing of it comes back but what it yields, and the
model of the process that asked stays as it was; so a version is loaded here, when it is asked for.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from hitl_chat.engines.lanes import Lane, Prefill
from hitl_chat.engines.protocol import AdapterRejected, Reply, Sampling
from hitl_chat.engines.rows import Row
from hitl_chat.engines.swap import Adapters
from training.base import Base
from training.forward import Runner

log = logging.getLogger(__name__)

KEPT = 2
"""Versions that stay loaded: the one that serves, and one beside it."""
START_SECONDS = 10
"""Until the weights are on the GPU and the prompt is read."""
SLOWEST = 20
"""Tokens a second at least."""
LONGEST = 120
"""Seconds that are ever asked for; lenders refuse more."""


@dataclass(frozen=True)
class Order:
    """What is asked for; it travels to the other process as it is."""

    version: str
    folder: Path | None
    prompt: list[int]
    sampling: Sampling
    seed: int


def seconds(order: Order) -> int:
    """Return for how long a GPU is needed: what is asked for must be left of somebody's quota."""
    return min(LONGEST, START_SECONDS + order.sampling.max_new_tokens // SLOWEST)


class Lent:
    """A model that answers where there is a GPU for it."""

    def __init__(self, base: Base) -> None:
        self._base = base
        self._runner = Runner(base.model)
        self._adapters = Adapters(base, self._runner)

    def write(self, order: Order) -> Iterator[Reply]:
        """Yield the growing reply after each token; closing the iterator stops the work."""
        reply = Reply(version=order.version, seed=order.seed)
        base = self._base
        row = Row(reply, order.prompt, order.sampling, base.tokenizer, base.stop_ids)
        try:
            self._take(order)
        except AdapterRejected:
            log.exception("Version %s can't answer.", order.version)
            row.end("error")
            yield reply
            return
        prefill = Prefill(row, self._runner, base.device)
        while not prefill.done:
            prefill.step()
            yield replace(reply)
        lane = Lane(self._runner, base.device)
        lane.join(prefill)
        while not row.over:
            lane.step()
            yield replace(reply)

    def _take(self, order: Order) -> None:
        """Make the version the active one."""
        if order.folder is not None:
            if order.version not in self._adapters.loaded and len(self._adapters.loaded) >= KEPT:
                self._adapters.retire(())
            self._adapters.load(order.version, order.folder)
        self._adapters.use(order.version)
