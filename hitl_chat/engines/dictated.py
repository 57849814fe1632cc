"""One reply while a server that speaks OpenAI's protocol writes it.

Knows the pieces of an answer, not the connection that they come through, and not which server.
"""

from typing import Any

from hitl_chat.engines.protocol import Reply, Sampling, Turn
from hitl_chat.engines.unfinished import ENDS, HALF, Unfinished


class Dictated(Unfinished):
    """A reply, what a server is asked for it, and what has come so far.

    A server says why it stopped before it counts the tokens, so the reply is over only once
    somebody calls `end`; whatever reason that gives, the server's own counts.
    """

    def __init__(self, reply: Reply, sampling: Sampling) -> None:
        super().__init__(reply)
        self.refusal: str | None = None
        """What the person is told where there is no answer."""
        self._sampling = sampling
        self._reason: str | None = None

    def request(self, model: str, turns: list[Turn]) -> dict[str, Any]:
        """Return what the server is asked."""
        return {
            "model": model,
            "messages": turns,
            "temperature": self._sampling.temperature,
            "top_p": self._sampling.top_p,
            "max_tokens": self._sampling.max_new_tokens,
            "seed": self.reply.seed,
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    def refuse(self, line: str) -> None:
        """End with an error; if there is no text yet, the person is told `line` instead."""
        with self._lock:
            if not self.over:
                if not self.reply.text and self._reason is None:
                    self.refusal = line
                self._close("error")
        self.news.set()

    def _grow(self, message: dict[str, Any]) -> None:
        reply = self.reply
        reply.duration_ms = self._elapsed()
        for choice in _dicts(message.get("choices")):
            (delta,) = _dicts([choice.get("delta")]) or [{}]
            text = delta.get("content")
            if isinstance(text, str) and text:
                reply.text += text
                reply.completion_tokens += 1  # as good as any guess, until the server counts
                reply.first_token_ms = reply.first_token_ms or reply.duration_ms
            if choice.get("finish_reason"):
                self._reason = str(choice["finish_reason"])
        for usage in _dicts([message.get("usage")]):
            reply.prompt_tokens = _count(usage, "prompt_tokens", reply.prompt_tokens)
            reply.completion_tokens = _count(usage, "completion_tokens", reply.completion_tokens)

    def _close(self, reason: str) -> None:
        if self._reason is not None:
            reason = ENDS.get(self._reason, "error")
            self.reply.text = self.reply.text.rstrip(HALF)  # a character that was never finished
        super()._close(reason)


def _dicts(values: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a server may send anything
    """Return the objects of a list, if it is one."""
    return [v for v in values if isinstance(v, dict)] if isinstance(values, list) else []


def _count(usage: dict[str, Any], name: str, otherwise: int) -> int:
    value = usage.get(name)
    return value if isinstance(value, int) else otherwise
