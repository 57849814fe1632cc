import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.responses import JSONResponse, Response

from hitl_chat.engines.lora import Lora
from hitl_chat.engines.protocol import AdapterRejected, EngineBusy
from hitl_chat.engines.refusals import ServerSilent
from hitl_chat.engines.remote import Remote
from hitl_chat.settings import Endpoint
from storage.models import BASE_VERSION
from tests.standin import BASE, StandIn

VERSION = "v000001-aaaaaaaa"


class Asker:
    """A `Lora` whose work is waited for."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.remote = Remote(endpoint)
        self.lora = Lora(self.remote, endpoint)

    def look(self) -> str | None:
        self.remote.run(self.lora.look()).result(10)
        return self.lora.dialect.name if self.lora.dialect else None

    def load(self, folder: Path) -> None:
        self.remote.run(self.lora.load(VERSION, folder)).result(10)

    def unload(self) -> None:
        self.remote.run(self.lora.unload(VERSION)).result(10)

    def has(self) -> bool:
        return self.remote.run(self.lora.has(VERSION)).result(10)


Ask = Callable[[Endpoint], Asker]


@pytest.fixture
def ask() -> Iterator[Ask]:
    askers: list[Asker] = []

    def make(endpoint: Endpoint) -> Asker:
        askers.append(Asker(endpoint))
        return askers[-1]

    yield make
    for asker in askers:
        asker.remote.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / VERSION
    folder.mkdir()
    (folder / "adapter_config.json").write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("dialect", "name", "model"),
    [
        ("vllm", "vLLM", VERSION),
        ("sglang", "SGLang", f"{BASE}:{VERSION}"),
        ("plain", None, BASE),
    ],
)
def test_each_dialect_is_found_by_its_routes(
    stand_in: Callable[[str], StandIn], ask: Ask, dialect: str, name: str | None, model: str
) -> None:
    asker = ask(stand_in(dialect).endpoint)
    assert asker.look() == name
    assert asker.lora.model(VERSION) == model
    assert asker.lora.model(BASE_VERSION) == BASE


def test_routes_that_are_not_for_us_are_not_used(
    stand_in: Callable[[str], StandIn], ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    assert ask(replace(stand_in("vllm").endpoint, key="sk-wrong")).look() is None
    assert "refuses us. Set HITL_OPENAI_KEY." in caplog.text


def test_a_model_that_the_server_does_not_know_is_named_with_its_mend(
    stand_in: Callable[[str], StandIn], ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = stand_in("plain").endpoint
    ask(endpoint).look()
    assert not caplog.records
    ask(replace(endpoint, model="smollm2")).look()
    assert "knows no model 'smollm2'; it has some/base. Set HITL_MODEL" in caplog.text


@pytest.mark.parametrize("dialect", ["vllm", "sglang"])
def test_an_adapter_comes_and_goes(
    stand_in: Callable[[str], StandIn], ask: Ask, folder: Path, dialect: str
) -> None:
    server = stand_in(dialect)
    asker = ask(server.endpoint)
    asker.look()
    asker.load(folder)
    assert server.loaded == {VERSION: str(folder)}
    assert asker.has()
    asker.load(folder)  # it is there already
    asker.unload()
    assert not asker.has()
    assert server.journal == [f"load {VERSION}", f"unload {VERSION}"]


@pytest.mark.parametrize("dialect", ["vllm", "sglang"])
def test_an_adapter_that_can_not_be_read_is_refused(
    stand_in: Callable[[str], StandIn],
    ask: Ask,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    dialect: str,
) -> None:
    server = stand_in(dialect)
    asker = ask(server.endpoint)
    asker.look()
    with pytest.raises(AdapterRejected, match=rf"refused to load {VERSION} \(status 400\)"):
        asker.load(tmp_path / "nowhere")
    assert "No adapter found for" in caplog.text
    assert server.loaded == {}


def test_an_adapter_that_gives_no_answer_leaves_again(
    stand_in: Callable[[str], StandIn], ask: Ask, folder: Path
) -> None:
    server = stand_in("vllm")
    server.unfit.add(VERSION)
    asker = ask(server.endpoint)
    asker.look()
    with pytest.raises(AdapterRejected, match=r"refused to answer with .* \(status 500\)"):
        asker.load(folder)
    assert server.loaded == {}


@pytest.mark.parametrize("answer", [Response("OK"), JSONResponse({"choices": []})])
def test_an_answer_without_a_choice_is_none(
    stand_in: Callable[[str], StandIn], ask: Ask, folder: Path, answer: Response
) -> None:
    server = stand_in("vllm")
    asker = ask(server.endpoint)
    asker.look()
    server.script.append(answer)
    with pytest.raises(AdapterRejected):
        asker.load(folder)


def test_a_server_without_time_may_be_asked_again(
    stand_in: Callable[[str], StandIn], ask: Ask, folder: Path
) -> None:
    server = stand_in("vllm")
    asker = ask(server.endpoint)
    asker.look()
    server.script.append(Response("slow down", 429))
    with pytest.raises(EngineBusy):
        asker.load(folder)
    asker.load(folder)
    assert server.journal == [f"load {VERSION}"]


def test_an_unload_that_fails_is_only_logged(
    stand_in: Callable[[str], StandIn], ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    server = stand_in("vllm")
    asker = ask(server.endpoint)
    asker.look()
    asker.unload()
    assert f"Version {VERSION} stays on the server: status 404" in caplog.text
    server.stop()
    asker.unload()
    assert f"Version {VERSION} may have stayed on the server" in caplog.text
    with pytest.raises(ServerSilent):
        asker.has()
