"""A GGUF's own tokenizer and chat template, without a model library.

Gives `prompts.render` what a Hugging Face tokenizer gives it, token for token; a test compares the
two. Knows byte-level BPE only, which is what the models here have.
"""

from typing import Any

from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from training.gguf import GgufError
from training.prompts import Turn

CONTROL, USER_DEFINED = 3, 4
"""Kinds of tokens that stand in a text as a whole."""
NAMED = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}
"""What templates call some tokens, and what GGUF does."""
NEEDED = (
    "tokenizer.ggml.tokens",
    "tokenizer.ggml.token_type",
    "tokenizer.ggml.merges",
)


class Vocabulary:
    """Turns text into token ids, and conversations into text."""

    def __init__(self, values: dict[str, Any]) -> None:
        """Build it from a GGUF's header.

        Raises:
            GgufError: the header has another kind of tokenizer.
        """
        if values.get("tokenizer.ggml.model") != "gpt2" or not all(k in values for k in NEEDED):
            kind = values.get("tokenizer.ggml.model")
            raise GgufError(f"Its tokenizer is '{kind}', not byte-level BPE.")
        self.chat_template: str | None = values.get("tokenizer.chat_template")
        tokens = values["tokenizer.ggml.tokens"]
        merges = [tuple(merge.split(" ", 1)) for merge in values["tokenizer.ggml.merges"]]
        vocabulary = {token: place for place, token in enumerate(tokens)}
        self._tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
        self._tokenizer.pre_tokenizer = pre_tokenizer(values)
        self._tokenizer.decoder = decoders.ByteLevel()
        kinds = values["tokenizer.ggml.token_type"]
        self._tokenizer.add_tokens(
            [
                AddedToken(token, normalized=False, special=kind == CONTROL)
                for token, kind in zip(tokens, kinds, strict=True)
                if kind in (CONTROL, USER_DEFINED)
            ]
        )
        self._added: dict[int, AddedToken] = self._tokenizer.get_added_tokens_decoder()
        # As transformers compiles chat templates.
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        self._template = environment.from_string(self.chat_template or "")
        self._named = {
            f"{name}_token": tokens[values[key]]
            for name, long in NAMED.items()
            if (key := f"tokenizer.ggml.{long}_token_id") in values
        }

    @property
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        """Tokens that stand beside the vocabulary, by id."""
        return self._added

    def apply_chat_template(
        self,
        conversation: list[Turn],
        *,
        tokenize: bool,  # noqa: ARG002 - as Hugging Face tokenizers have it
        add_generation_prompt: bool,
    ) -> str:
        """Return the conversation as the text that the model was tuned on."""
        return self._template.render(
            messages=conversation, add_generation_prompt=add_generation_prompt, **self._named
        )

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        """Return token ids."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=add_special_tokens).ids
        return ids


def pre_tokenizer(values: dict[str, Any]) -> pre_tokenizers.PreTokenizer:
    """Return what cuts a text into words before the merges, as the header names it.

    Raises:
        GgufError: it has a name that isn't known here.
    """
    name = values.get("tokenizer.ggml.pre")
    words = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    if name == "smollm":
        digits = pre_tokenizers.Digits(individual_digits=True)
        return pre_tokenizers.Sequence([digits, words])
    if name == "gpt-2":
        return words
    raise GgufError(f"Its pre-tokenizer '{name}' isn't known.")
