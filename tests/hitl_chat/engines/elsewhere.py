"""What tests of the engine for servers elsewhere do again and again."""

from collections.abc import Callable

import pytest

from hitl_chat.engines.openai import OpenAiEngine
from hitl_chat.engines.protocol import EngineBusy, Reply
from tests.hitl_chat.engines.asking import GREEDY, asked, last
from tests.standin import StandIn

Serve = Callable[[str], tuple[StandIn, OpenAiEngine]]


def answer(engine: OpenAiEngine) -> Reply:
    return last(engine.stream(asked("Who are you?"), GREEDY, 1))


def refused(engine: OpenAiEngine) -> str:
    """Return the one line that a person gets in place of an answer."""
    stream = engine.stream(asked("Who are you?"), GREEDY, 1)
    reply = next(stream)
    with pytest.raises(EngineBusy) as caught:
        list(stream)
    assert (reply.text, reply.stop_reason) == ("", "error")
    return str(caught.value)
