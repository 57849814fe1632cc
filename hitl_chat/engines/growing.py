"""One reply while llama.cpp writes it. Knows llama.cpp's messages, not its server or its threads.

The thread that llama.cpp calls and the reader both touch it, under one lock.
"""

import logging
import threading
import time
from typing import Any

from hitl_chat.engines.protocol import Reply, Sampling

log = logging.getLogger(__name__)

ENDS = {"stop": "eos", "length": "length"}
"""llama.cpp's reasons, and ours; no stop words are given, so "stop" is the model's own end."""
HALF = "\N{REPLACEMENT CHARACTER}"


class Growing:
    """A reply, what is asked of llama.cpp for it, and what has come so far."""

    def __init__(self, reply: Reply, prompt: list[int], sampling: Sampling) -> None:
        self.reply = reply
        self.news = threading.Event()
        """Set whenever `reply` has changed."""
        self._prompt = prompt
        self._sampling = sampling
        self._begun = time.monotonic()
        self._lock = threading.Lock()
        reply.prompt_tokens = len(prompt)

    @property
    def over(self) -> bool:
        """Whether nothing more may be added."""
        return self.reply.stop_reason is not None

    def request(self) -> dict[str, Any]:
        """Return what llama.cpp is asked."""
        return {
            "prompt": self._prompt,
            "n_predict": self._sampling.max_new_tokens,
            "temperature": self._sampling.temperature,
            "top_p": self._sampling.top_p,
            # In this order, and no others: the same chances as the other engine gives.
            "samplers": ["temperature", "top_p"],
            "seed": self.reply.seed,
            "stream": True,
            "cache_prompt": True,
            "timings_per_token": True,  # its count of tokens is the only one while text grows
            "return_progress": True,  # a reader who leaves while the prompt is read is heard then
        }

    def hear(self, message: dict[str, Any]) -> bool:
        """Take in a message; returns whether llama.cpp should stop.

        It must not raise: xllamacpp swallows that, and goes on.
        """
        with self._lock:
            if not self.over:
                self._grow(message)
        self.news.set()
        return self.over

    def move_up(self, ahead: int) -> None:
        """Say how many others wait before this one; there are never more than there were."""
        with self._lock:
            if ahead >= self.reply.ahead:
                return
            self.reply.ahead = ahead
        self.news.set()

    def end(self, reason: str) -> None:
        """End the reply from outside; the text stays as it is, and an earlier end stands."""
        with self._lock:
            if not self.over:
                self._close(reason)
        self.news.set()

    def _grow(self, message: dict[str, Any]) -> None:
        choices = message.get("choices")
        if not choices:
            log.error("llama.cpp failed: %s", message.get("error", message))
            self._close("error")
            return
        reply, elapsed = self.reply, self._elapsed()
        count = message.get("timings", {}).get("predicted_n", 0)
        reply.ahead = 0
        if count:
            reply.completion_tokens = count
            reply.first_token_ms = reply.first_token_ms or elapsed
        reply.duration_ms = elapsed
        reply.text += choices[0]["text"]
        reason = choices[0]["finish_reason"]
        if reason is not None:
            reply.text = reply.text.rstrip(HALF)  # a character that was never finished
            self._close(ENDS.get(reason, "error"))

    def _close(self, reason: str) -> None:
        self.reply.duration_ms = self._elapsed()
        self.reply.stop_reason = reason

    def _elapsed(self) -> float:
        return (time.monotonic() - self._begun) * 1000
