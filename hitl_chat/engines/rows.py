"""One reply while it is decoded: its tokens, its chance and its growing text.

Knows no batch and no thread; what the decode thread and the reader both touch is under one lock.
"""

import threading
import time
from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Tensor

from hitl_chat.engines.protocol import Reply, Sampling

HALF = "\N{REPLACEMENT CHARACTER}"
"""What a tokenizer gives for bytes that are no whole character yet."""
CANDIDATES = 256
"""Most likely tokens that are looked at first; sorting all of a vocabulary costs milliseconds."""


class Row:
    """One reply in the making."""

    def __init__(
        self,
        reply: Reply,
        prompt: Sequence[int],
        sampling: Sampling,
        tokenizer: Any,  # noqa: ANN401 - transformers has no one type for tokenizers
        stop_ids: Collection[int],
    ) -> None:
        self.reply = reply
        self.prompt = prompt
        self.last = 0
        """The newest token, which the next forward starts from."""
        self.news = threading.Event()
        """Set whenever `reply` has changed."""
        self._sampling = sampling
        self._stop_ids = stop_ids
        self._text = Detokenizer(tokenizer)
        self._chance = torch.Generator().manual_seed(reply.seed)
        self._begun = time.monotonic()
        self._lock = threading.Lock()
        reply.prompt_tokens = len(prompt)

    @property
    def over(self) -> bool:
        """Whether nothing more may be added."""
        return self.reply.stop_reason is not None

    def take(self, logits: Tensor) -> None:
        """Draw the next token from its logits (float32, on the CPU) and grow the text."""
        if not torch.isfinite(logits).all():
            self.end("error")
            return
        token = draw(logits, self._sampling, self._chance)
        with self._lock:
            if self.over:  # the reader left while this token was computed
                return
            reply, elapsed = self.reply, self._elapsed()
            self.last = token
            reply.completion_tokens += 1
            reply.first_token_ms = reply.first_token_ms or elapsed
            reply.duration_ms = elapsed
            if token in self._stop_ids:
                reply.text += self._text.flush()
                reply.stop_reason = "eos"
            else:
                reply.text += self._text.add(token)
                if reply.completion_tokens >= self._sampling.max_new_tokens:
                    reply.text += self._text.flush()
                    reply.stop_reason = "length"
        self.news.set()

    def move_up(self, ahead: int) -> None:
        """Say how many others wait before this one."""
        with self._lock:
            if ahead == self.reply.ahead:
                return
            self.reply.ahead = ahead
        self.news.set()

    def end(self, reason: str) -> None:
        """End the reply from outside; the text stays as it is, and an earlier end stands."""
        with self._lock:
            if not self.over:
                self.reply.duration_ms = self._elapsed()
                self.reply.stop_reason = reason
        self.news.set()

    def _elapsed(self) -> float:
        return (time.monotonic() - self._begun) * 1000


class Detokenizer:
    """Tokens in, whole characters out."""

    def __init__(self, tokenizer: Any) -> None:  # noqa: ANN401
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._context = 0
        """From here on tokens are decoded again, so that joints such as spaces come out right."""
        self._told = 0
        """Up to here tokens have become text."""

    def add(self, token: int) -> str:
        """Return the text that became certain with this token; often one token late for emoji."""
        self._ids.append(token)
        fresh = self._fresh()
        if not fresh or fresh.endswith(HALF):
            return ""
        self._context, self._told = self._told, len(self._ids)
        return fresh

    def flush(self) -> str:
        """Return what is left at the end, without a character that was never finished."""
        return self._fresh().rstrip(HALF)

    def _fresh(self) -> str:
        before = self._decode(self._ids[self._context : self._told])
        return self._decode(self._ids[self._context :])[len(before) :]

    def _decode(self, ids: list[int]) -> str:
        text: str = self._tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text


def draw(logits: Tensor, sampling: Sampling, chance: torch.Generator) -> int:
    """Return one token: the likeliest at temperature 0, else by chance within `top_p`."""
    if sampling.temperature == 0:
        return int(logits.argmax())
    probs = torch.softmax(logits / sampling.temperature, dim=-1)
    # The same tokens as a full sort would keep, unless `top_p` reaches beyond the candidates.
    likely, ids = probs.topk(min(CANDIDATES, len(probs)))
    if likely.sum() < sampling.top_p:
        likely, ids = probs.sort(descending=True)
    before = likely.cumsum(-1) - likely
    kept = likely * (before < sampling.top_p)
    return int(ids[torch.multinomial(kept, 1, generator=chance)])
