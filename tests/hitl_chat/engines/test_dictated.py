from typing import Any

import pytest

from hitl_chat.engines.dictated import Dictated
from hitl_chat.engines.protocol import Reply, Sampling
from tests.hitl_chat.engines.asking import asked


@pytest.fixture
def dictated() -> Dictated:
    return Dictated(Reply("base", 7), Sampling(0.5, 0.9, 20))


def piece(text: str | None, reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]}


def test_the_request_has_the_sampling_and_asks_for_the_count(dictated: Dictated) -> None:
    assert dictated.request("some/model", asked("Hi")) == {
        "model": "some/model",
        "messages": [{"role": "user", "content": "Hi"}],
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 20,
        "seed": 7,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_text_grows_and_the_servers_count_is_better_than_ours(dictated: Dictated) -> None:
    reply = dictated.reply
    dictated.hear(piece(""))
    assert reply.first_token_ms is None
    dictated.hear(piece("Hel"))
    dictated.hear(piece("lo"))
    dictated.hear(piece(None, "stop"))
    assert (reply.text, reply.completion_tokens, reply.stop_reason) == ("Hello", 2, None)
    dictated.hear({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4}})
    dictated.end("error")
    assert (reply.text, reply.stop_reason) == ("Hello", "eos")
    assert (reply.prompt_tokens, reply.completion_tokens) == (9, 4)
    assert reply.first_token_ms
    assert reply.duration_ms
    assert reply.first_token_ms <= reply.duration_ms


@pytest.mark.parametrize(
    ("reason", "end"),
    [("stop", "eos"), ("length", "length"), ("content_filter", "error"), (None, "error")],
)
def test_the_servers_reason_becomes_ours(dictated: Dictated, reason: str, end: str) -> None:
    dictated.hear(piece("Hel", reason))
    dictated.end("error")
    assert dictated.reply.stop_reason == end


def test_half_a_character_at_the_end_goes(dictated: Dictated) -> None:
    dictated.hear(piece("so \N{REPLACEMENT CHARACTER}", "length"))
    dictated.end("error")
    assert dictated.reply.text == "so "


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"choices": None},
        {"choices": "text"},
        {"choices": [None]},
        {"choices": [{}]},
        {"choices": [{"delta": None}]},
        {"choices": [{"delta": {"role": "assistant"}}]},
        {"choices": [{"delta": {"reasoning_content": "Hm."}}]},
        {"choices": [{"delta": {"content": [{"type": "text"}]}}]},
        {"usage": None},
        {"usage": {"prompt_tokens": None, "total_tokens": 3}},
    ],
)
def test_what_holds_no_text_is_passed_over(dictated: Dictated, message: dict[str, Any]) -> None:
    assert not dictated.hear(message)
    reply = dictated.reply
    assert (reply.text, reply.prompt_tokens, reply.completion_tokens) == ("", 0, 0)
    assert reply.stop_reason is None


def test_nothing_is_added_after_the_reader_left(dictated: Dictated) -> None:
    dictated.hear(piece("Hel"))
    dictated.end("stop")
    assert dictated.hear(piece("lo", "stop"))
    assert (dictated.reply.text, dictated.reply.stop_reason) == ("Hel", "stop")


def test_a_refusal_is_told_only_while_there_is_no_text(dictated: Dictated) -> None:
    dictated.refuse("Try again shortly.")
    assert (dictated.refusal, dictated.reply.stop_reason) == ("Try again shortly.", "error")
    late = Dictated(Reply("base", 7), Sampling())
    late.hear(piece("Hel"))
    late.refuse("Try again shortly.")
    assert (late.refusal, late.reply.text, late.reply.stop_reason) == (None, "Hel", "error")


def test_a_connection_that_breaks_after_the_end_costs_nothing(dictated: Dictated) -> None:
    dictated.hear(piece("Hello", "stop"))
    dictated.refuse("Try again shortly.")
    assert (dictated.refusal, dictated.reply.stop_reason) == (None, "eos")
