"""The tiny model, two versions of it, and servers elsewhere."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hitl_chat.engines.apart import Apart
from hitl_chat.engines.openai import OpenAiEngine
from hitl_chat.settings import Endpoint
from storage.home import Home
from tests import llama
from tests.hitl_chat.engines.elsewhere import Serve
from tests.standin import StandIn
from tests.tiny import publish_adapter
from training.base import Base, load_base


@pytest.fixture
def address() -> str:
    """Engines know no database, so one kind of it will do."""
    return ""


@pytest.fixture(scope="module")
def adapters(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("adapters")
    versions = [publish_adapter(tiny_model, folder, cycle) for cycle in (1, 2)]
    return {version: folder / version for version in versions}


@pytest.fixture
def apart() -> Iterator[Apart]:
    """The process that has llama.cpp."""
    apart = Apart()
    yield apart
    apart.close()


@pytest.fixture(scope="module")
def llama_server(tiny_model: Path) -> Iterator[Endpoint]:
    with llama.serving(tiny_model / "tiny.gguf") as endpoint:
        yield endpoint


@pytest.fixture
def stand_in() -> Iterator[Callable[[str], StandIn]]:
    """Starts a stand-in of a dialect."""
    started: list[StandIn] = []

    def start(dialect: str) -> StandIn:
        started.append(StandIn(dialect).start())
        return started[-1]

    yield start
    for server in started:
        server.release()
        server.stop()


@pytest.fixture
def serve(tiny_model: Path, stand_in: Callable[[str], StandIn]) -> Iterator[Serve]:
    """Starts a stand-in of a dialect, and an engine on it."""
    engines: list[OpenAiEngine] = []

    def start(dialect: str) -> tuple[StandIn, OpenAiEngine]:
        server = stand_in(dialect)
        engines.append(OpenAiEngine(str(tiny_model), server.endpoint, limit=50))
        return server, engines[-1]

    yield start
    for engine in engines:
        engine.close()


@pytest.fixture
def base(tiny_model: Path, home: Home) -> Base:
    return load_base(str(tiny_model), home)
