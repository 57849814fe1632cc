"""Fixtures that several folders share: a data folder and a tiny random model."""

from pathlib import Path

import pytest

from storage.home import Home
from tests.tiny import build_model, publish_adapter


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty data folder."""
    home = Home.from_env({"HITL_DATA_DIR": str(tmp_path / "data")})
    home.prepare()
    return home


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
