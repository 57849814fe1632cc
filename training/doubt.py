"""How much the reward head's members differ about an answer, by its words alone. Needs no torch.

The chat process asks this of each answer it has given, so it can't run the base. What the trainer
left beside the head is enough for it: what each word is worth to each member. What the frozen layers
would say of the answer counts as average here.

Shapes: V vocabulary, K members, I forms.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer

from training.form import FORMS, measure
from training.prompts import Answer

KEPT = "kept"
"""Name of a head's metadata, in JSON."""
WORDS, TOKENIZER = "words_VK", "tokenizer"
"""Names of the tensors that only this reads: the words' worths, and a tokenizer's JSON as bytes."""
Array = NDArray[np.float32]


class NoDoubt(ValueError):
    """The file holds no head that could be asked here."""


@dataclass(frozen=True)
class Doubt:
    """A head as far as words and form tell of it."""

    words_VK: NDArray[np.float16]
    form_I: tuple[Array, Array]
    """Mean and scale of the forms."""
    form_IK: Array
    bias_K: Array
    tokenizer: Tokenizer
    end: int
    """The token that ends an answer; its own end is part of what is scored."""
    most: int
    """Tokens of an answer that training looks at."""
    disputed: float
    """The spread above which an answer is among the quarter that members differ most about."""

    def spread(self, answer: Answer) -> float:
        """Return the standard deviation of the members' scores of an answer."""
        text, end = answer.text, [self.end] if answer.ended else []
        ids = [*self.tokenizer.encode(text, add_special_tokens=False).ids, *end][: self.most]
        if not ids:
            return 0.0
        if len(ids) == self.most:  # it may have been cut, and markup with it
            text = self.tokenizer.decode(ids)
        mean_I, scale_I = self.form_I
        form_K = ((np.array(measure(text, len(ids))) - mean_I) / scale_I) @ self.form_IK
        logits_K = self.words_VK[ids].astype(np.float32).mean(0) + form_K + self.bias_K
        return float((1 / (1 + np.exp(-logits_K))).std())


def load(file: Path) -> Doubt:
    """Read what the trainer left beside the newest head.

    Raises:
        NoDoubt: it left nothing that can be read here.
    """
    try:
        with safe_open(file, framework="numpy") as stored:
            about: dict[str, Any] = json.loads(stored.metadata()[KEPT])
            last = {
                name: stored.get_tensor(name)[-len(FORMS) :]
                for name in ("mean_F", "scale_F", "weight_FK")
            }
            return Doubt(
                words_VK=stored.get_tensor(WORDS),
                form_I=(last["mean_F"], last["scale_F"]),
                form_IK=last["weight_FK"],
                bias_K=stored.get_tensor("bias_K"),
                tokenizer=Tokenizer.from_str(stored.get_tensor(TOKENIZER).tobytes().decode()),
                end=about["doubt"]["end"],
                most=about["reading"]["max_answer"],
                disputed=about["doubt"]["disputed"],
            )
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise NoDoubt(f"{file} tells nothing of words ({error}).") from error
