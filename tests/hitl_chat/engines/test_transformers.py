import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from hitl_chat.engines.protocol import AdapterRejected, EngineBusy, Reply, Sampling, Turn
from hitl_chat.engines.transformers import TransformersEngine
from storage.home import Home
from storage.models import BASE_VERSION
from tests.tiny import publish_adapter
from training.manifest import WEIGHTS
from training.policy import Base, load_base
from training.prompts import render

GREEDY = Sampling(temperature=0, max_new_tokens=40)
LONG = Sampling(temperature=0, max_new_tokens=200)
QUESTIONS = ("Hi", "What is the capital of France?", "Tell me of foxes. " * 12, "ünï 🦊 cøde")


def asked(text: str) -> list[Turn]:
    return [{"role": "user", "content": text}]


def last(stream: Iterator[Reply]) -> Reply:
    *_, reply = stream
    return reply


@pytest.fixture(scope="module")
def adapters(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("adapters")
    versions = [publish_adapter(tiny_model, folder, cycle) for cycle in (1, 2)]
    return {version: folder / version for version in versions}


@pytest.fixture
def base(tiny_model: Path, home: Home) -> Base:
    return load_base(str(tiny_model), home)


@pytest.fixture
def engine(base: Base) -> Iterator[TransformersEngine]:
    engine = TransformersEngine(base)
    yield engine
    engine.close()


def test_greedy_text_is_what_transformers_itself_generates(
    base: Base, engine: TransformersEngine
) -> None:
    prompt = render(base.tokenizer, asked(QUESTIONS[1]), 400)
    mine = last(engine.stream(asked(QUESTIONS[1]), GREEDY, seed=1))
    model: PreTrainedModel = base.model
    ids = torch.tensor([prompt])
    out = model.generate(  # type: ignore[operator]
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=40, do_sample=False
    )
    theirs = base.tokenizer.decode(out[0, len(prompt) :], skip_special_tokens=True)
    assert theirs.startswith(mine.text)
    assert mine.text
    assert mine.prompt_tokens == len(prompt)


def test_the_first_yield_has_the_version_and_no_text(engine: TransformersEngine) -> None:
    stream = engine.stream(asked("Hi"), GREEDY, seed=3)
    reply = next(stream)
    assert (reply.version, reply.seed, reply.text, reply.stop_reason) == (BASE_VERSION, 3, "", None)
    assert last(stream) is reply
    assert reply.stop_reason in {"eos", "length"}
    assert 1 <= reply.completion_tokens <= 40
    assert reply.first_token_ms
    assert reply.duration_ms
    assert reply.first_token_ms <= reply.duration_ms


def test_text_alone_equals_text_in_company(engine: TransformersEngine) -> None:
    alone = [last(engine.stream(asked(q), GREEDY, 1)).text for q in QUESTIONS]
    streams = [engine.stream(asked(q), GREEDY, 1) for q in QUESTIONS]
    replies = [next(stream) for stream in streams]  # they join while others are under way
    for stream in streams:
        list(stream)
    assert [reply.text for reply in replies] == alone


def test_a_row_that_leaves_changes_nothing_for_the_others(engine: TransformersEngine) -> None:
    alone = last(engine.stream(asked(QUESTIONS[0]), LONG, 1)).text
    longest, short = (engine.stream(asked(QUESTIONS[i]), LONG, 1) for i in (2, 0))
    next(longest)
    reply = next(short)
    next(short)
    longest.close()  # type: ignore[attr-defined]
    list(short)
    assert reply.text == alone


def test_the_same_seed_draws_the_same_answer_and_another_seed_another(
    engine: TransformersEngine,
) -> None:
    sampling = Sampling(temperature=1.0, top_p=0.9, max_new_tokens=40)
    one, same, other = (last(engine.stream(asked("Hi"), sampling, s)).text for s in (5, 5, 6))
    assert one == same != other


def test_a_swap_in_mid_stream_tears_nothing(
    engine: TransformersEngine, adapters: dict[str, Path]
) -> None:
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


def test_swaps_under_load_never_mix_versions(
    engine: TransformersEngine, adapters: dict[str, Path]
) -> None:
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


def test_closing_a_stream_frees_its_place(base: Base) -> None:
    engine = TransformersEngine(base, slots=1, waiting=0)
    stream = engine.stream(asked("Hi"), LONG, 1)
    next(stream)
    next(stream)
    with pytest.raises(EngineBusy, match="Try again shortly"):
        next(engine.stream(asked("Hi"), GREEDY, 1))
    reply = next(stream)
    stream.close()  # type: ignore[attr-defined]
    frozen = reply.text
    assert reply.stop_reason in {"stop", "eos", "length"}
    until = time.monotonic() + 5
    while True:
        try:
            assert last(engine.stream(asked("Hi"), GREEDY, 1)).text
            break
        except EngineBusy:
            assert time.monotonic() < until
            time.sleep(0.005)
    assert reply.text == frozen
    engine.close()


def test_more_than_fit_at_once_wait_their_turn(base: Base) -> None:
    engine = TransformersEngine(base, slots=2, waiting=6)
    streams = [engine.stream(asked(q), GREEDY, 1) for q in QUESTIONS * 2]
    for stream in streams:
        next(stream)
    texts = [last(stream).text for stream in streams]
    assert texts[:4] == texts[4:]
    engine.close()


def test_closing_the_engine_ends_every_stream(base: Base) -> None:
    engine = TransformersEngine(base)
    streams = [engine.stream(asked(q), LONG, 1) for q in QUESTIONS]
    for stream in streams:
        next(stream)
    engine.close()
    assert all(last(stream).stop_reason in {"stop", "eos", "length"} for stream in streams)
    with pytest.raises(EngineBusy):
        next(engine.stream(asked("Hi"), GREEDY, 1))
    with pytest.raises(AdapterRejected):
        engine.activate("v000009-00000000", None)


def test_a_conversation_longer_than_the_model_sees_is_still_answered(
    engine: TransformersEngine,
) -> None:
    reply = last(engine.stream(asked("word " * 2000), GREEDY, 1))
    assert reply.stop_reason in {"eos", "length"}
    assert reply.prompt_tokens + reply.completion_tokens <= 512


def test_a_failing_forward_ends_its_replies_and_nobody_elses(
    base: Base, engine: TransformersEngine, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("out of memory")

    stream = engine.stream(asked("Hi"), LONG, 1)
    next(stream)
    hook = base.model.get_input_embeddings().register_forward_pre_hook(refuse)
    reply = last(stream)
    hook.remove()
    assert reply.stop_reason == "error"
    assert "out of memory" in caplog.text
    assert last(engine.stream(asked("Hi"), GREEDY, 1)).stop_reason in {"eos", "length"}


def broken(folder: Path, tmp_path: Path, how: str) -> Path:
    """Return a copy of an adapter that was damaged in one way."""
    copy = tmp_path / folder.name
    shutil.copytree(folder, copy)
    weights = load_file(copy / WEIGHTS)
    if how == "flipped byte":
        raw = bytearray((copy / WEIGHTS).read_bytes())
        raw[-1] ^= 1
        (copy / WEIGHTS).write_bytes(raw)
    elif how == "NaN":
        weights[next(iter(weights))].fill_(float("nan"))
        save_file(weights, copy / WEIGHTS)
    elif how == "missing":
        shutil.rmtree(copy)
    return copy


@pytest.mark.parametrize("how", ["flipped byte", "NaN", "missing"])
def test_a_bad_adapter_is_refused_and_the_old_one_serves_on(
    engine: TransformersEngine, adapters: dict[str, Path], tmp_path: Path, how: str
) -> None:
    good, bad = adapters
    engine.activate(good, adapters[good])
    before = last(engine.stream(asked("Hi"), GREEDY, 1))
    with pytest.raises(AdapterRejected, match=bad):
        engine.activate(bad, broken(adapters[bad], tmp_path, how))
    after = last(engine.stream(asked("Hi"), GREEDY, 1))
    assert (before.version, before.text) == (after.version, after.text) == (good, after.text)


def test_a_folder_of_another_version_is_refused(
    engine: TransformersEngine, adapters: dict[str, Path]
) -> None:
    one, other = adapters
    with pytest.raises(AdapterRejected, match=f"holds {other}, not {one}"):
        engine.activate(one, adapters[other])
    assert engine.version == BASE_VERSION


def test_unused_versions_are_unloaded(
    engine: TransformersEngine, base: Base, adapters: dict[str, Path]
) -> None:
    for _ in range(3):
        for version, folder in adapters.items():
            engine.activate(version, folder)
    names = [name for name, _ in base.model.named_parameters() if "lora_A." in name]
    assert len({name.split("lora_A.")[1] for name in names}) == 1
    engine.activate(BASE_VERSION, None)
    assert not [name for name, _ in base.model.named_parameters() if "lora_" in name]
