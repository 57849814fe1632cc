from typing import Any

import pytest

from hitl_chat.engines.growing import Growing
from hitl_chat.engines.protocol import Reply, Sampling


@pytest.fixture
def growing() -> Growing:
    return Growing(Reply("base", 7), [1, 2, 3], Sampling(0.5, 0.9, 20))


def piece(text: str, count: int, reason: str | None = None) -> dict[str, Any]:
    choice = {"text": text, "finish_reason": reason}
    return {"choices": [choice], "timings": {"predicted_n": count}}


def test_the_request_has_the_sampling_and_no_other_samplers(growing: Growing) -> None:
    request = growing.request()
    assert request["prompt"] == [1, 2, 3]
    assert (request["temperature"], request["top_p"], request["seed"]) == (0.5, 0.9, 7)
    assert request["n_predict"] == 20
    assert request["samplers"] == ["temperature", "top_p"]


def test_text_grows_and_ends_with_the_models_own_end(growing: Growing) -> None:
    assert not growing.hear(piece("", 0))  # progress with the prompt
    assert growing.reply.first_token_ms is None
    assert not growing.hear(piece("Hel", 1))
    assert not growing.hear(piece("lo", 2))
    assert growing.hear(piece("", 3, "stop"))
    reply = growing.reply
    assert (reply.text, reply.stop_reason) == ("Hello", "eos")
    assert (reply.prompt_tokens, reply.completion_tokens) == (3, 3)
    assert reply.first_token_ms
    assert reply.duration_ms


def test_a_place_in_the_line_only_gets_better_and_ends_with_the_first_text(
    growing: Growing,
) -> None:
    growing.reply.ahead = 3
    growing.move_up(5)
    assert growing.reply.ahead == 3
    growing.move_up(2)
    assert growing.reply.ahead == 2
    growing.hear(piece("Hel", 1))
    assert growing.reply.ahead == 0


def test_the_longest_answer_ends_by_its_length(growing: Growing) -> None:
    growing.hear(piece("so \N{REPLACEMENT CHARACTER}", 20, "length"))
    assert (growing.reply.text, growing.reply.stop_reason) == ("so ", "length")


def test_nothing_is_added_after_the_reader_left(growing: Growing) -> None:
    growing.hear(piece("Hel", 1))
    growing.end("stop")
    assert growing.hear(piece("lo", 2))
    assert (growing.reply.text, growing.reply.stop_reason) == ("Hel", "stop")


@pytest.mark.parametrize("message", [{"error": {"message": "out of memory"}}, {}])
def test_a_failure_is_logged_and_ends_the_reply(
    growing: Growing, message: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert growing.hear(message)
    assert growing.reply.stop_reason == "error"
    assert "llama.cpp failed" in caplog.text
