"""One reply while llama.cpp writes it. Knows llama.cpp's messages, not its server or its threads."""

import logging
from typing import Any

from hitl_chat.engines.protocol import Reply, Sampling
from hitl_chat.engines.unfinished import ENDS, HALF, Unfinished

log = logging.getLogger(__name__)


class Growing(Unfinished):
    """A reply, what is asked of llama.cpp for it, and what has come so far."""

    def __init__(self, reply: Reply, prompt: list[int], sampling: Sampling) -> None:
        super().__init__(reply)
        self._prompt = prompt
        self._sampling = sampling
        reply.prompt_tokens = len(prompt)

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
            "cache_prompt": True,
            "timings_per_token": True,  # its count of tokens is the only one while text grows
            "return_progress": True,  # a reader who leaves while the prompt is read is heard then
        }

    def move_up(self, ahead: int) -> None:
        """Say how many others wait before this one; there are never more than there were."""
        with self._lock:
            if ahead >= self.reply.ahead:
                return
            self.reply.ahead = ahead
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
