"""Fixtures that several folders share: a data folder, a service and a tiny random model.

The database is SQLite; folders whose claims hold on PostgreSQL too override `address` with `either`.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hitl_chat.service import Service
from hitl_chat.settings import Settings
from storage.database import Database
from storage.home import Home
from tests import postgres
from tests.postgres import Postgres
from tests.scripted import ScriptedEngine
from tests.tiny import build_model, publish_adapter

LONGEST = ("test_space.py", "test_worker.py", "test_zerogpu.py")
"""What takes minutes begins first: at the end, one process would work and the others wait."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files in front of the others, whose order stays."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgres]:
    """A PostgreSQL server, started when the first test asks for it."""
    with postgres.serving() as running:
        yield running


@pytest.fixture(scope="session")
def shared(postgresql: Postgres) -> str:
    """The address of a PostgreSQL database with this release's tables, and whatever is in them."""
    address = postgresql.fresh()
    with tempfile.TemporaryDirectory() as folder:
        Database.open(Home(Path(folder), address)).close()
    return address


on_sqlite = pytest.mark.parametrize("address", ["sqlite"], indirect=True)
"""For what only a file has."""


def either(request: pytest.FixtureRequest) -> str:
    """Return the address that a fixture's parameter names: `sqlite` or `postgresql`, emptied."""
    if request.param == "sqlite":
        return ""
    running, address = request.getfixturevalue("postgresql"), request.getfixturevalue("shared")
    running.empty(address)
    return str(address)


def env_of(home: Home) -> dict[str, str]:
    """Return the settings that name this data folder and this database."""
    return {"HITL_DATA_DIR": str(home.folder), "HITL_DATABASE_URL": home.database_url}


@pytest.fixture
def address() -> str:
    """What HITL_DATABASE_URL says: nothing, so SQLite in the data folder."""
    return ""


@pytest.fixture
def home(tmp_path: Path, address: str) -> Home:
    """An empty data folder."""
    home = Home.from_env({"HITL_DATA_DIR": str(tmp_path / "data"), "HITL_DATABASE_URL": address})
    home.prepare()
    return home


@pytest.fixture
def settings(home: Home) -> Settings:
    """What the environment says, with a secret that tests know."""
    return Settings.from_env({**env_of(home), "HITL_SECRET": "known"})


@pytest.fixture
def database(home: Home) -> Iterator[Database]:
    """An empty database."""
    database = Database.open(home)
    yield database
    database.close()


@pytest.fixture
def engine() -> ScriptedEngine:
    """An engine that says what it is told to."""
    return ScriptedEngine()


@pytest.fixture
def service(database: Database, engine: ScriptedEngine, settings: Settings) -> Service:
    """A service over these."""
    return Service(database, engine, settings, train_after=16)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two layers with random weights, a byte-level tokenizer and a chat template."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    build_model(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_adapter(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published adapter for `tiny_model`; the folder is named after its version."""
    adapters = tmp_path_factory.mktemp("adapters")
    return adapters / publish_adapter(tiny_model, adapters, cycle=1)
