"""What people would build otherwise: Gradio's ChatInterface with transformers' streamer.

python -m benchmarks.plain           serve it as a page
python -m benchmarks.plain --lines   answer batches of questions from standard input, without Gradio

Written as Gradio's and transformers' guides do it. Knows nothing of the product but where its model
lies, and takes no history: each measured conversation is one question.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from threading import Thread
from typing import Any

import gradio as gr
import torch
from transformers import TextIteratorStreamer

from benchmarks.replies import Hear, drive
from storage.home import Home
from training.base import load_base
from training.gguf import wanted

TOP_P = 0.95


class Plain:
    """A model that answers one question after the other, or several in threads of their own."""

    def __init__(self, env: Mapping[str, str]) -> None:
        """In bfloat16 as SmolLM2 is published, and as transformers 5 would load it from there."""
        base = load_base(wanted(env), Home.from_env(env))
        self._tokenizer = base.tokenizer
        model: Any = base.model
        self._model = model.to(torch.bfloat16)
        self._draw = {
            "max_new_tokens": int(env["HITL_MAX_NEW_TOKENS"]),
            "temperature": float(env["HITL_TEMPERATURE"]),
            "top_p": TOP_P,
            "do_sample": True,
        }

    def answer(self, message: str, history: object = None) -> Iterator[str]:
        """Yield the growing answer."""
        del history
        inputs = self._tokenizer.apply_chat_template(
            [{"role": "user", "content": message}],
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
        ).to(self._model.device)
        streamer = TextIteratorStreamer(self._tokenizer, skip_prompt=True, skip_special_tokens=True)
        Thread(
            target=self._model.generate, kwargs={**inputs, **self._draw, "streamer": streamer}
        ).start()
        text = ""
        for piece in streamer:
            text += piece
            yield text

    def ask(self, message: str, hear: Hear) -> None:
        """Answer without any Gradio."""
        for text in self.answer(message):
            hear(text)


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Serve, or answer lines until there are no more."""
    plain = Plain(env)
    if "--lines" in argv:
        for line in sys.stdin:
            asked = json.loads(line)
            questions = [partial(plain.ask, prompt) for prompt in asked["prompts"]]
            sys.stdout.write(json.dumps(asdict(drive(questions, asked["streams"]))) + "\n")
            sys.stdout.flush()
        return 0
    gr.ChatInterface(plain.answer, api_name="chat").launch(
        server_name="127.0.0.1", server_port=int(env["GRADIO_SERVER_PORT"]), quiet=True
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
