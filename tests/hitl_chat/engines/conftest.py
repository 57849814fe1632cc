"""The tiny model and two versions of it."""

from pathlib import Path

import pytest

from storage.home import Home
from tests.tiny import publish_adapter
from training.policy import Base, load_base


@pytest.fixture(scope="module")
def adapters(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("adapters")
    versions = [publish_adapter(tiny_model, folder, cycle) for cycle in (1, 2)]
    return {version: folder / version for version in versions}


@pytest.fixture
def base(tiny_model: Path, home: Home) -> Base:
    return load_base(str(tiny_model), home)
