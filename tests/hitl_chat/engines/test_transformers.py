import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from hitl_chat.engines.protocol import AdapterRejected, EngineBusy
from hitl_chat.engines.transformers import TransformersEngine
from storage.models import BASE_VERSION
from tests.hitl_chat.engines.asking import GREEDY, LONG, QUESTIONS, asked, last
from training.base import Base
from training.manifest import WEIGHTS
from training.prompts import Tokenizer, render


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


def test_a_row_that_leaves_changes_nothing_for_the_others(engine: TransformersEngine) -> None:
    alone = last(engine.stream(asked(QUESTIONS[0]), LONG, 1)).text
    longest, short = (engine.stream(asked(QUESTIONS[i]), LONG, 1) for i in (2, 0))
    next(longest)
    reply = next(short)
    next(short)
    longest.close()  # type: ignore[attr-defined]
    list(short)
    assert reply.text == alone


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


class Overflowing:
    """A tokenizer that gives, for one question, an id that no tensor can hold."""

    def __init__(self, real: Tokenizer) -> None:
        self._real = real

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        ids = self._real.encode(text, add_special_tokens=add_special_tokens)
        return [2**80] if "too much" in text else ids

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)


def test_a_prompt_that_cannot_be_taken_in_ends_its_reply_and_nobody_elses(base: Base) -> None:
    engine = TransformersEngine(replace(base, tokenizer=Overflowing(base.tokenizer)))
    assert last(engine.stream(asked("too much"), GREEDY, 1)).stop_reason == "error"
    assert last(engine.stream(asked("Hi"), GREEDY, 1)).stop_reason in {"eos", "length"}
    engine.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_whatever_ends_the_decode_loop_ends_every_reply_and_lets_none_in(
    base: Base, engine: TransformersEngine
) -> None:
    asked_all = threading.Event()

    def leave(*_: object) -> None:
        asked_all.wait(10)
        raise SystemExit

    hook = base.model.get_input_embeddings().register_forward_pre_hook(leave)
    streams = [engine.stream(asked(q), GREEDY, 1) for q in QUESTIONS]
    for stream in streams:
        next(stream)
    asked_all.set()
    assert {last(stream).stop_reason for stream in streams} == {"error"}
    hook.remove()
    with pytest.raises(EngineBusy):
        next(engine.stream(asked("Hi"), GREEDY, 1))
    with pytest.raises(AdapterRejected):
        engine.activate("v000009-00000000", None)


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
