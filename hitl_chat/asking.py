"""Where people are asked to compare: after an answer that the reward head's members differ most about.

Within a budget for each conversation, which is in memory alone: ids of answers, gone with the process.
Knows no person and no page.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from hitl_chat.reading import Shown
from training.doubt import Doubt, NoDoubt, load
from training.prompts import OWN_END, Answer

log = logging.getLogger(__name__)

EVERY = 3
"""Answers from one question to the next at least, so that nobody is pestered."""
MOST_KEPT = 1_000
"""Conversations whose budget is remembered; then the one that was quiet for longest is forgotten."""
WHOLE = ("eos", "length")


class Asking:
    """Decides after which answers to ask, as the newest head has it."""

    def __init__(self, head: Path, budget: int) -> None:
        """`budget` is how often one conversation is asked; 0 is never."""
        self._head = head
        self._budget = budget
        self._asked: OrderedDict[str, list[str]] = OrderedDict()
        self._doubt: Doubt | None = None
        self._stamp: int | None = None
        self._lock = threading.Lock()

    def may(self, shown: Sequence[Shown]) -> bool:
        """Tell whether the last answer is one to ask about: whole, alone, and nothing said of it."""
        if not self._budget or not shown:
            return False
        last = shown[-1]
        whole = last.role == "assistant" and last.stored and last.stop_reason in WHOLE
        return whole and len(last.drafts) == 1 and not last.rating and not last.edited

    def asks(self, conversation: str, shown: Sequence[Shown]) -> bool:
        """Tell whether to ask about the last answer, which `may` be. What was asked once stays so."""
        last = shown[-1]
        answers = [one.message for one in shown if one.role == "assistant"]
        with self._lock:
            asked = self._asked.get(conversation, [])
            if last.message in asked:
                return True
            if len(asked) >= self._budget or not set(asked).isdisjoint(answers[-EVERY:]):
                return False
            doubt, given = self._newest(), Answer(last.given, last.stop_reason in OWN_END)
            if doubt is None or doubt.spread(given) <= doubt.disputed:
                return False
            self._asked[conversation] = [*asked, last.message]
            self._asked.move_to_end(conversation)
            if len(self._asked) > MOST_KEPT:
                self._asked.popitem(last=False)
        return True

    def _newest(self) -> Doubt | None:
        """Return what the newest head says of words; it is read once."""
        try:
            stamp = self._head.stat().st_mtime_ns
        except FileNotFoundError:
            stamp = None
        if stamp != self._stamp:
            self._doubt, self._stamp = None, stamp
            try:
                self._doubt = load(self._head) if stamp else None
            except NoDoubt as error:
                log.warning("Nobody is asked to compare: %s", error)
        return self._doubt
