import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from hitl_chat.engines.openai import OpenAiEngine
from hitl_chat.engines.protocol import AdapterRejected, EngineBusy
from hitl_chat.engines.refusals import ServerSilent
from hitl_chat.settings import Endpoint
from tests.hitl_chat.engines.asking import GREEDY, QUESTIONS, asked, last
from tests.hitl_chat.engines.elsewhere import Serve, answer, refused
from tests.server import ROOT
from tests.standin import BASE, KEY, StandIn, eventually, piece


def test_it_needs_no_torch() -> None:
    code = (
        "import app, sys; from hitl_chat.engines import openai;"
        "print({'torch', 'transformers', 'peft', 'xllamacpp'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


def test_fifty_at_once_each_get_their_own_answer(llama_server: Endpoint) -> None:
    engine = OpenAiEngine("tiny", llama_server)
    questions = [f"{number}. {QUESTIONS[number % 4]}" for number in range(50)]
    alone = [last(engine.stream(asked(q), GREEDY, 1)).text for q in questions]
    texts: dict[int, str] = {}

    def ask(number: int) -> None:
        texts[number] = last(engine.stream(asked(questions[number]), GREEDY, 1)).text

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [texts[number] for number in range(50)] == alone
    engine.close()


def test_a_question_longer_than_the_model_sees_is_refused_with_its_mend(
    llama_server: Endpoint,
) -> None:
    engine = OpenAiEngine("tiny", llama_server)
    stream = engine.stream(asked("word " * 2000), GREEDY, 1)
    next(stream)
    with pytest.raises(EngineBusy, match="Shorten it, or start a new chat"):
        list(stream)
    engine.close()


# While it is written


def test_closing_a_stream_closes_it_on_the_server_and_frees_its_place(
    tiny_model: Path, stand_in: Callable[[str], StandIn]
) -> None:
    server = stand_in("plain")
    engine = OpenAiEngine(str(tiny_model), server.endpoint, limit=1)
    server.hold()
    stream = engine.stream(asked("Hi"), GREEDY, 1)
    reply = next(stream)
    eventually(lambda: server.writing)
    with pytest.raises(EngineBusy, match="or wait already"):
        next(engine.stream(asked("Hi"), GREEDY, 1))
    stream.close()  # type: ignore[attr-defined]
    eventually(lambda: not server.writing, seconds=2)
    assert (reply.text, reply.stop_reason) == ("", "stop")
    server.release()
    assert answer(engine).text == f"{BASE} 1 2"
    engine.close()


def test_a_stream_that_is_closed_before_it_began_frees_its_place(
    tiny_model: Path, stand_in: Callable[[str], StandIn]
) -> None:
    engine = OpenAiEngine(str(tiny_model), stand_in("plain").endpoint, limit=1)
    for _ in range(20):
        stream = engine.stream(asked("Hi"), GREEDY, 1)
        next(stream)
        stream.close()  # type: ignore[attr-defined]
    assert answer(engine).stop_reason == "eos"
    engine.close()


def test_who_waits_for_a_silent_server_may_leave(serve: Serve) -> None:
    server, engine = serve("plain")
    server.hold()
    stream = engine.stream(asked("Hi"), GREEDY, 1)
    assert [next(stream).text for _ in range(3)] == ["", "", ""]


def test_closing_the_engine_ends_every_stream(serve: Serve) -> None:
    server, engine = serve("plain")
    server.hold()
    streams = [engine.stream(asked(question), GREEDY, 1) for question in QUESTIONS]
    for stream in streams:
        next(stream)
    engine.close()
    assert all(last(stream).stop_reason == "stop" for stream in streams)
    eventually(lambda: not server.writing, seconds=2)
    with pytest.raises(EngineBusy, match="closing"):
        next(engine.stream(asked("Hi"), GREEDY, 1))
    with pytest.raises(AdapterRejected, match="closing"):
        engine.activate("v000009-00000000", None)


# What a server may say instead


@pytest.mark.parametrize(
    ("response", "line"),
    [
        (Response("slow down", 429), "The model's server is busy. Try again shortly."),
        (Response("loading", 503), "The model's server is busy. Try again shortly."),
        (Response("no", 418), "The model's server refused the question (status 418). The host"),
        (JSONResponse({"error": {"message": "boom"}}, 500), "The model's server failed (status"),
        (Response(piece(error={"code": 503})), "The model's server is busy. Try again shortly."),
        (Response(""), "The model's server broke off. Try again shortly."),
    ],
)
def test_a_person_gets_one_clear_line(serve: Serve, response: Response, line: str) -> None:
    server, engine = serve("plain")
    server.script.append(response)
    assert refused(engine).startswith(line)
    assert answer(engine).stop_reason == "eos"


def test_a_server_that_is_gone_gets_one_clear_line(serve: Serve) -> None:
    server, engine = serve("plain")
    server.stop()
    assert refused(engine) == "The model's server doesn't answer. Try again shortly."
    server.start()
    assert answer(engine).stop_reason == "eos"


def test_a_server_that_is_not_there_at_the_start_is_named() -> None:
    with pytest.raises(ServerSilent):
        OpenAiEngine("tiny", Endpoint("http://127.0.0.1:9/v1", "", "tiny"))


def test_a_wrong_key_is_logged_without_the_key(
    tiny_model: Path, stand_in: Callable[[str], StandIn], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    endpoint = replace(stand_in("vllm").endpoint, key="sk-wrong")
    engine = OpenAiEngine(str(tiny_model), endpoint)
    line = refused(engine)
    engine.close()
    assert "status 401" in line
    assert "status 401: " in caplog.text
    assert not engine.adapts
    assert "sk-wrong" not in f"{caplog.text}{line}{endpoint}"
    assert KEY not in caplog.text


@pytest.mark.parametrize("rest", ["", piece(error={"message": "out of memory"})])
def test_text_that_came_stays_when_the_server_breaks_off(serve: Serve, rest: str) -> None:
    server, engine = serve("plain")
    server.script.append(Response(piece(choices=[{"delta": {"content": "Half an"}}]) + rest))
    reply = answer(engine)
    assert (reply.text, reply.stop_reason) == ("Half an", "error")


def test_a_conversation_that_is_too_long_loses_its_older_half(serve: Serve) -> None:
    server, engine = serve("plain")
    too_long = {"error": {"message": "maximum context length is 10 tokens"}}
    server.script.extend(JSONResponse(too_long, 400) for _ in range(2))
    turns = [{"role": ("user", "assistant")[n % 2], "content": str(n)} for n in range(9)]
    assert last(engine.stream(turns, GREEDY, 1)).stop_reason == "eos"
    sent: list[list[dict[str, Any]]] = [body["messages"] for body in server.asked]
    assert [len(messages) for messages in sent] == [9, 3, 1]
    assert {messages[-1]["content"] for messages in sent} == {"8"}
    assert {messages[0]["role"] for messages in sent} == {"user"}
