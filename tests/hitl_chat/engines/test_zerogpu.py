"""What ZeroGPU asks of an engine beyond what each engine promises."""

from collections.abc import Iterator
from pathlib import Path

import gradio
import pytest
import spaces

from hitl_chat.engines.lent import LONGEST, Order, seconds
from hitl_chat.engines.protocol import AdapterRejected, EngineBusy, Sampling
from hitl_chat.engines.transformers import TransformersEngine
from hitl_chat.engines.zerogpu import ZeroGpuEngine
from storage.home import Home
from storage.models import BASE_VERSION
from tests.hitl_chat.engines.asking import GREEDY, LONG, asked, last
from tests.lender import Lender
from training.base import Base, load_base

# What Python 3.12 says of the one thing that ZeroGPU can't do without.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


@pytest.fixture
def lender() -> Lender:
    return Lender()


@pytest.fixture
def engine(base: Base, lender: Lender) -> Iterator[ZeroGpuEngine]:
    engine = ZeroGpuEngine(base, lender)
    yield engine
    engine.close()


def test_it_says_what_transformers_say_and_the_model_here_stays_bare(
    base: Base, engine: ZeroGpuEngine, adapters: dict[str, Path], tiny_model: Path, home: Home
) -> None:
    other = TransformersEngine(load_base(str(tiny_model), home))
    for version, folder in {BASE_VERSION: None, **adapters}.items():
        engine.activate(version, folder)
        other.activate(version, folder)
        mine = last(engine.stream(asked("Hi"), GREEDY, 1))
        theirs = last(other.stream(asked("Hi"), GREEDY, 1))
        assert (mine.text, mine.stop_reason) == (theirs.text, theirs.stop_reason)
        assert (mine.prompt_tokens, mine.completion_tokens) == (
            theirs.prompt_tokens,
            theirs.completion_tokens,
        )
    other.close()
    assert not [name for name, _ in base.model.named_parameters() if "lora_" in name]


def test_one_process_takes_many_versions_in_turn_and_keeps_few(
    base: Base, adapters: dict[str, Path]
) -> None:
    engine = ZeroGpuEngine(base, spaces.GPU(duration=seconds))  # which lends nothing elsewhere
    texts: dict[str, set[str]] = {}
    for _ in range(2):
        for version, folder in {BASE_VERSION: None, **adapters}.items():
            engine.activate(version, folder)
            texts.setdefault(version, set()).add(last(engine.stream(asked("Hi"), GREEDY, 1)).text)
    assert [len(found) for found in texts.values()] == [1, 1, 1]
    assert len(set.union(*texts.values())) == 3


def test_a_reader_who_leaves_ends_the_work(engine: ZeroGpuEngine, lender: Lender) -> None:
    stream = engine.stream(asked("Hi"), LONG, 1)
    next(stream)
    reply = next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert reply.stop_reason == "stop"
    assert lender.left.value == 1


def test_a_quota_that_is_used_up_is_told_in_the_lenders_words(
    engine: ZeroGpuEngine, lender: Lender
) -> None:
    lender.refusal = gradio.Error("You have exceeded your quota. Try again in 12:00:00.")
    stream = engine.stream(asked("Hi"), GREEDY, 1)
    reply = next(stream)
    with pytest.raises(EngineBusy, match=r"No GPU for this answer\. You have .* in 12:00:00\."):
        next(stream)
    assert reply.stop_reason == "stop"
    lender.refusal = None
    assert last(engine.stream(asked("Hi"), GREEDY, 1)).text


def test_a_lender_that_fails_is_told_without_its_details(
    engine: ZeroGpuEngine, lender: Lender, caplog: pytest.LogCaptureFixture
) -> None:
    lender.refusal = RuntimeError("/schedule error: 500 at 10.0.0.7")
    stream = engine.stream(asked("Hi"), GREEDY, 1)
    next(stream)
    with pytest.raises(EngineBusy, match="The GPU gave up on this answer") as caught:
        next(stream)
    assert "10.0.0.7" not in str(caught.value)
    assert "10.0.0.7" in caplog.text


def test_an_answer_that_breaks_off_keeps_its_text(base: Base) -> None:
    def lend(task: object) -> object:
        def lent(order: Order) -> Iterator[object]:
            yield from [*task(order)][:5]  # type: ignore[operator]
            raise gradio.Error("GPU task aborted")

        return lent

    engine = ZeroGpuEngine(base, lend)  # type: ignore[arg-type]
    reply = last(engine.stream(asked("Hi"), LONG, 1))
    assert (reply.stop_reason, bool(reply.text)) == ("error", True)


def test_a_version_that_can_not_be_loaded_there_ends_its_answer_alone(
    engine: ZeroGpuEngine, adapters: dict[str, Path], tmp_path: Path
) -> None:
    version, folder = next(iter(adapters.items()))
    moved = tmp_path / version
    moved.symlink_to(folder)
    engine.activate(version, moved)
    moved.unlink()  # swept in between
    assert last(engine.stream(asked("Hi"), GREEDY, 1)).stop_reason == "error"
    engine.activate(BASE_VERSION, None)
    assert last(engine.stream(asked("Hi"), GREEDY, 1)).stop_reason in {"eos", "length"}


def test_no_more_is_asked_for_than_an_answer_needs(engine: ZeroGpuEngine, lender: Lender) -> None:
    last(engine.stream(asked("Hi"), GREEDY, 1))
    assert lender.asked_for == [12]
    assert seconds(Order("base", None, [], Sampling(max_new_tokens=4096), 1)) == LONGEST


def test_too_many_at_once_and_a_closing_engine_are_refused(base: Base, lender: Lender) -> None:
    engine = ZeroGpuEngine(base, lender, limit=1)
    stream = engine.stream(asked("Hi"), LONG, 1)
    next(stream)
    with pytest.raises(EngineBusy, match="Try again shortly"):
        next(engine.stream(asked("Hi"), GREEDY, 1))
    next(stream)
    engine.close()
    assert last(stream).stop_reason in {"stop", "eos", "length"}
    with pytest.raises(EngineBusy):
        next(engine.stream(asked("Hi"), GREEDY, 1))
    with pytest.raises(AdapterRejected):
        engine.activate("v000009-00000000", None)
