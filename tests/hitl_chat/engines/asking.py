"""What tests of the engines ask, and how."""

from collections.abc import Iterator

from hitl_chat.engines.protocol import Reply, Sampling, Turn

GREEDY = Sampling(temperature=0, max_new_tokens=40)
LONG = Sampling(temperature=0, max_new_tokens=200)
QUESTIONS = ("Hi", "What is the capital of France?", "Tell me of foxes. " * 12, "ünï 🦊 cøde")


def asked(text: str) -> list[Turn]:
    return [{"role": "user", "content": text}]


def last(stream: Iterator[Reply]) -> Reply:
    *_, reply = stream
    return reply
