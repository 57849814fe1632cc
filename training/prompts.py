"""The one place that turns a conversation into tokens, for serving and for training alike.

A different template on the two sides would inflate the KL and silently break the importance
ratios. Knows no model and needs no torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Turn = dict[str, str]
"""One chat turn: `{"role": "system" | "user" | "assistant", "content": text}`."""
OWN_END = ("eos", None)
"""Stop reasons of answers that came to their own end; what wasn't made here has none."""


@dataclass(frozen=True)
class Answer:
    """The text of an answer, and whether it came to its own end or was stopped or cut there."""

    text: str
    ended: bool = True


class Tokenizer(Protocol):
    """What is needed of a Hugging Face tokenizer."""

    chat_template: str | None

    @property
    def added_tokens_decoder(self) -> Mapping[int, Any]:
        """Tokens that stand beside the vocabulary; the `special` ones steer the model."""

    def apply_chat_template(
        self, conversation: list[Turn], *, tokenize: bool, add_generation_prompt: bool
    ) -> str:
        """Return the conversation as the text that the model was tuned on."""

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        """Return token ids."""


def render(tokenizer: Tokenizer, turns: list[Turn], max_tokens: int) -> list[int]:
    """Return the ids of `turns`, ready for the assistant's next answer, within `max_tokens`.

    The oldest turns go first when the conversation is too long; of a last turn that is too long
    by itself, the beginning goes.
    """
    while True:
        ids = tokenizer.encode(_text(tokenizer, turns), add_special_tokens=False)
        if len(ids) <= max_tokens or len(turns) == 1:
            return ids[-max_tokens:]
        turns = _without_oldest(turns)


def harmless(tokenizer: Tokenizer, text: str) -> str:
    """Return what a person or a model wrote with special tokens broken up.

    Someone who types `<|im_end|>` must not end a turn, or begin one as somebody else.
    """
    for token in tokenizer.added_tokens_decoder.values():
        if token.special and token.content in text:
            text = text.replace(token.content, f"{token.content[:1]} {token.content[1:]}")
    return text


def newer_half(turns: list[Turn]) -> list[Turn]:
    """Return about half of the turns, for a model whose tokens nobody can count here."""
    shorter = turns
    while len(shorter) > max(1, len(turns) // 2):
        shorter = _without_oldest(shorter)
    return shorter


def _without_oldest(turns: list[Turn]) -> list[Turn]:
    """Drop the oldest question with its answer; a system prompt stays."""
    head = turns[:1] if turns[0]["role"] == "system" and len(turns) > 1 else []
    rest = turns[len(head) + 1 :]
    while len(rest) > 1 and rest[0]["role"] == "assistant":
        rest = rest[1:]
    return head + rest if rest else turns[-1:]


def _text(tokenizer: Tokenizer, turns: list[Turn]) -> str:
    turns = [{**turn, "content": harmless(tokenizer, turn["content"])} for turn in turns]
    if tokenizer.chat_template:
        return tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    # Bases such as GPT-2 were never tuned on chats: a plain transcript is what they continue best.
    names = {"system": "", "user": "User: ", "assistant": "Assistant: "}
    return "".join(f"{names[t['role']]}{t['content']}\n" for t in turns) + "Assistant:"
