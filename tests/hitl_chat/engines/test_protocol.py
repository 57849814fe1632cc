"""What each engine promises."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hitl_chat.engines.llamacpp import LlamaCppEngine
from hitl_chat.engines.openai import OpenAiEngine
from hitl_chat.engines.protocol import AdapterRejected, Engine, Reply, Sampling, Turn
from hitl_chat.engines.transformers import TransformersEngine
from hitl_chat.engines.zerogpu import ZeroGpuEngine
from hitl_chat.settings import Endpoint
from storage.models import BASE_VERSION
from tests.hitl_chat.engines.asking import GREEDY, LONG, QUESTIONS, asked, last
from tests.lender import Lender
from training.base import Base
from training.gguf import read

# What Python 3.12 says of the one thing that ZeroGPU can't do without.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")

HERE = ("llamacpp", "transformers", "zerogpu")
"""Engines that have the model in this process; what else they promise."""


@pytest.fixture(params=[*HERE, "openai"])
def engine(request: pytest.FixtureRequest, tiny_model: Path, base: Base) -> Iterator[Engine]:
    engine: Engine
    if request.param == "llamacpp":
        engine = LlamaCppEngine(str(tiny_model), read(tiny_model / "tiny.gguf"), 200, threads=1)
    elif request.param == "zerogpu":
        engine = ZeroGpuEngine(base, Lender())
    elif request.param == "openai":
        endpoint: Endpoint = request.getfixturevalue("llama_server")
        engine = OpenAiEngine(str(tiny_model), endpoint)
    else:
        engine = TransformersEngine(base)
    yield engine
    engine.close()


def test_the_first_yield_has_the_version_and_the_last_all_numbers(engine: Engine) -> None:
    stream = engine.stream(asked("Hi"), GREEDY, seed=3)
    reply = next(stream)
    assert (reply.version, reply.seed) == (BASE_VERSION, 3)  # it grows from this moment on
    assert last(stream) is reply
    assert reply.stop_reason in {"eos", "length"}
    assert 1 <= reply.completion_tokens <= 40
    assert reply.first_token_ms
    assert reply.duration_ms
    assert reply.first_token_ms <= reply.duration_ms


def test_text_alone_equals_text_in_company(engine: Engine) -> None:
    alone = [last(engine.stream(asked(q), GREEDY, 1)).text for q in QUESTIONS]
    streams = [engine.stream(asked(q), GREEDY, 1) for q in QUESTIONS]
    replies = [next(stream) for stream in streams]
    for stream in streams:
        list(stream)
    assert [reply.text for reply in replies] == alone


def test_the_same_seed_draws_the_same_answer_and_another_seed_another(
    engine: Engine,
) -> None:
    sampling = Sampling(temperature=1.0, top_p=0.9, max_new_tokens=40)
    one, same, other = (last(engine.stream(asked("Hi"), sampling, s)).text for s in (5, 5, 6))
    assert one == same != other


@pytest.mark.parametrize("engine", HERE, indirect=True)
def test_a_swap_in_mid_stream_tears_nothing(engine: Engine, adapters: dict[str, Path]) -> None:
    versions = {BASE_VERSION: None, **adapters}
    alone = {}
    for version, folder in versions.items():
        engine.activate(version, folder)
        alone[version] = [last(engine.stream(asked(q), GREEDY, 1)).text for q in QUESTIONS]
    assert len({tuple(texts) for texts in alone.values()}) == 3

    streams = []
    for version, folder in versions.items():
        engine.activate(version, folder)
        for question in QUESTIONS:
            stream = engine.stream(asked(question), GREEDY, 1)
            reply = next(stream)
            streams.append((version, question, reply, stream))
            next(stream)
    for version, question, reply, stream in streams:
        list(stream)
        assert reply.version == version
        assert reply.text == alone[version][QUESTIONS.index(question)]


@pytest.mark.parametrize("engine", HERE, indirect=True)
def test_two_versions_answer_side_by_side_each_as_it_does_alone(
    engine: Engine, adapters: dict[str, Path]
) -> None:
    old, new = adapters
    alone = {}
    for version, folder in adapters.items():
        engine.activate(version, folder)
        alone[version] = last(engine.stream(asked("Hi"), GREEDY, 1)).text
    assert alone[old] != alone[new]
    assert last(engine.stream(asked("Hi"), GREEDY, 1, beside=True)).version == new  # none is beside

    engine.activate(old, adapters[old])
    engine.accompany(old, adapters[old])
    engine.activate(new, adapters[new])
    assert (engine.version, engine.beside) == (new, old)
    streams = [engine.stream(asked("Hi"), GREEDY, 1, beside=place % 2 > 0) for place in range(4)]
    replies = [last(stream) for stream in streams]
    assert [reply.version for reply in replies] == [new, old, new, old]
    assert [reply.text for reply in replies] == [alone[reply.version] for reply in replies]

    engine.activate(old, adapters[old])
    assert (engine.version, engine.beside) == (old, None)
    engine.accompany(new, adapters[new])
    engine.accompany(None, None)
    assert engine.beside is None
    assert last(engine.stream(asked("Hi"), GREEDY, 1, beside=True)).text == alone[old]


@pytest.mark.parametrize("engine", HERE, indirect=True)
def test_swaps_under_load_never_mix_versions(engine: Engine, adapters: dict[str, Path]) -> None:
    versions = {BASE_VERSION: None, **adapters}
    alone = {}
    for version, folder in versions.items():
        engine.activate(version, folder)
        alone[version] = last(engine.stream(asked("Hi"), GREEDY, 1)).text
    replies: list[Reply] = []

    def talk() -> None:
        replies.extend(last(engine.stream(asked("Hi"), GREEDY, 1)) for _ in range(5))

    threads = [threading.Thread(target=talk) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for version, folder in versions.items():
            engine.activate(version, folder)
    for thread in threads:
        thread.join()
    assert len(replies) == 20
    assert [r.text for r in replies] == [alone[r.version] for r in replies]


def test_who_waits_is_told_how_many_come_first(tiny_model: Path, base: Base) -> None:
    gguf = read(tiny_model / "tiny.gguf")
    engines: list[Engine] = [
        LlamaCppEngine(str(tiny_model), gguf, 200, slots=1, waiting=4, threads=1),
        TransformersEngine(base, slots=1, waiting=4),
    ]
    for engine in engines:
        streams = [engine.stream(asked(question), LONG, 1) for question in QUESTIONS]
        replies = [next(stream) for stream in streams]
        assert [reply.ahead for reply in replies] == [0, 0, 1, 2]
        streams[1].close()  # type: ignore[attr-defined]
        while replies[3].ahead == 2:
            next(streams[3])
        assert replies[2].ahead == 0
        streams[0].close()  # type: ignore[attr-defined]
        for stream in streams[2:]:
            list(stream)
        assert [reply.ahead for reply in replies[2:]] == [0, 0]
        engine.close()


def test_a_conversation_longer_than_the_model_sees_is_still_answered(
    engine: Engine,
) -> None:
    before: list[Turn] = [*asked("word " * 10), {"role": "assistant", "content": "ok " * 10}]
    reply = last(engine.stream([*before * 20, *asked("Hi")], GREEDY, 1))
    assert reply.stop_reason in {"eos", "length"}
    assert reply.prompt_tokens + reply.completion_tokens <= 512


@pytest.mark.parametrize("engine", HERE, indirect=True)
def test_a_question_longer_than_the_model_sees_is_still_answered(engine: Engine) -> None:
    reply = last(engine.stream(asked("word " * 2000), GREEDY, 1))
    assert reply.stop_reason in {"eos", "length"}
    assert reply.prompt_tokens + reply.completion_tokens <= 512


def test_an_engine_says_whether_it_takes_adapters(engine: Engine) -> None:
    assert engine.adapts == (engine.name in HERE)


@pytest.mark.parametrize("engine", HERE, indirect=True)
def test_a_folder_of_another_version_is_refused(engine: Engine, adapters: dict[str, Path]) -> None:
    one, other = adapters
    with pytest.raises(AdapterRejected, match=f"holds {other}, not {one}"):
        engine.activate(one, adapters[other])
    assert engine.version == BASE_VERSION
