from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hitl_chat.engines.apart import BEGINNING, Apart, Gone, LoadFailed, Message, Order, Room, Server
from hitl_chat.engines.growing import Growing
from hitl_chat.engines.loaded import Loaded, Smoke
from hitl_chat.engines.protocol import Reply, Sampling
from training.gguf import read
from training.merged import check, write

ROOM = Room(slots=2, context=512, threads=1)
PROMPT = [43, 72]
SMOKE = Smoke(PROMPT, said=43)


class Fatal(Growing):
    """A reply without an end, whose first piece brings down what writes it."""

    kill: Callable[[], None]

    def request(self) -> dict[str, Any]:
        return super().request() | {"ignore_eos": True}

    def hear(self, message: dict[str, Any]) -> bool:
        self.kill()
        return super().hear(message)


def enormous(shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(0, 1e6, shape).astype(np.float32)


@pytest.fixture
def path(tiny_model: Path) -> Path:
    return tiny_model / "tiny.gguf"


def test_a_file_that_llamacpp_refuses_is_named(apart: Apart, tmp_path: Path) -> None:
    (tmp_path / "junk.gguf").write_bytes(b"junk")
    with pytest.raises(LoadFailed, match=r"llama\.cpp can't load junk\.gguf"):
        Loaded("v1", Order(tmp_path / "junk.gguf", ROOM), apart, SMOKE)


def test_a_file_whose_numbers_run_over_is_refused(apart: Apart, path: Path, tmp_path: Path) -> None:
    base, wild = read(path), tmp_path / "wild.gguf"
    huge = {
        f"model.layers.{layer}.mlp.{name}_proj": partial(
            enormous, base.tensors[f"blk.{layer}.ffn_{name}.weight"].shape
        )
        for layer in (0, 1)
        for name in ("up", "gate", "down")
    }
    write(base, huge, wild)
    check(wild, base)  # each number is finite; only their products aren't
    with pytest.raises(LoadFailed, match="NaN, infinity or nothing"):
        Loaded("v1", Order(wild, ROOM), apart, SMOKE)


def test_what_the_first_slot_was_tried_on_no_other_reads_again(apart: Apart, path: Path) -> None:
    loaded = Loaded("base", Order(path, ROOM), apart, SMOKE)
    for slot in range(ROOM.slots):
        request = {"prompt": [*PROMPT[:-1], 5], "n_predict": 1, "id_slot": slot}
        timings = loaded._server.ask(request)["timings"]
        assert (timings["cache_n"], timings["prompt_n"]) == (len(PROMPT) - 1, 1)
    loaded.close()


def test_where_slots_cannot_be_kept_it_serves_all_the_same(
    apart: Apart, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(BEGINNING, "filename", "/no/name")  # which llama.cpp refuses
    loaded = Loaded("base", Order(path, ROOM), apart, SMOKE)
    assert "Version base reads each prompt from its start" in caplog.text
    assert loaded._server.ask({"prompt": PROMPT, "n_predict": 1})["choices"]
    loaded.close()


def test_what_breaks_off_while_slots_are_shared_leaves_nothing(
    apart: Apart, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[Server] = []

    def break_off(server: Server, slots: int) -> list[Message]:
        left.append(server)
        raise Gone(f"no answer for {slots} slots")

    monkeypatch.setattr(Server, "share", break_off)
    with pytest.raises(LoadFailed, match="no answer for 2 slots"):
        Loaded("base", Order(path, ROOM), apart, SMOKE)
    with pytest.raises(Gone):
        left[0].ask({"prompt": PROMPT, "n_predict": 1})
    assert not left[0].gone  # the process serves the other versions on


def test_a_request_that_llamacpp_refuses_ends_as_an_error(
    apart: Apart, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = Loaded("base", Order(path, ROOM), apart, SMOKE)
    growing = Growing(Reply("base", 1), [5] * 600, Sampling())
    loaded.write(growing).result(10)
    loaded.close()
    assert growing.reply.stop_reason == "error"
    assert "exceeds the available context size" in caplog.text


def test_a_reply_whose_reader_left_is_not_begun(apart: Apart, path: Path) -> None:
    loaded = Loaded("base", Order(path, ROOM), apart, SMOKE)
    growing = Growing(Reply("base", 1), PROMPT, Sampling())
    growing.end("stop")
    loaded.write(growing).result(10)
    loaded.close()
    assert (growing.reply.text, growing.reply.stop_reason) == ("", "stop")
    assert growing.reply.completion_tokens == 0


def test_after_its_process_was_killed_the_next_reply_is_written_by_another(
    apart: Apart, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = Loaded("base", Order(path, ROOM), apart, SMOKE)
    before = loaded._server.process
    growing = Fatal(Reply("base", 1), PROMPT, Sampling(0, max_new_tokens=500))
    growing.kill = before.kill
    loaded.write(growing).result(10)
    assert growing.reply.stop_reason == "error"
    assert "An answer of version base broke off" in caplog.text
    again = Growing(Reply("base", 1), PROMPT, Sampling(0, max_new_tokens=4))
    loaded.write(again).result(30)
    assert again.reply.stop_reason == "length"
    assert loaded._server.process is not before
    loaded.close()
