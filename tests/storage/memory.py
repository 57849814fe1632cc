"""A depot in memory, and folders to fill it from."""

from collections.abc import Mapping
from pathlib import Path

from storage.depot import DepotDown
from storage.home import Home

VERSION = "v000001-aaaaaaaa"


class Memory:
    """A depot in memory that can be told to fail."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.stored: list[set[str]] = []
        """What each `store` brought."""
        self.remembered: list[bytes] = []
        """Databases that were replaced, until they are forgotten."""
        self.forgetful = True
        """Whether `forget` works."""
        self.failing = 0
        """How many calls will fail."""
        self.silent = 0
        """How many calls of `store` will do what they should and not say so."""

    def paths(self) -> set[str]:
        self._fail()
        return set(self.files)

    def fetch(self, paths: set[str], folder: Path) -> None:
        self._fail()
        for path in paths:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(self.files[path])

    def store(self, files: Mapping[str, Path], gone: set[str]) -> None:
        self._fail()
        self.remembered.append(self.files.get("feedback.db", b""))
        self.files |= {path: file.read_bytes() for path, file in files.items()}
        for path in gone:
            del self.files[path]
        self.stored.append(set(files))
        if self.silent:
            self.silent -= 1
            raise DepotDown("ReadTimeout: no answer")

    def forget(self) -> None:
        if not self.forgetful:
            raise DepotDown("HTTPError: 429")
        self.remembered.clear()

    def _fail(self) -> None:
        if self.failing:
            self.failing -= 1
            raise DepotDown("ConnectError: nobody answers")


def publish(home: Home, version: str = VERSION) -> None:
    (home.adapters / version).mkdir()
    (home.adapters / version / "manifest.json").write_text(version)


def wiped(tmp_path: Path) -> Home:
    home = Home.from_env({"HITL_DATA_DIR": str(tmp_path / "wiped")})
    home.prepare()
    return home
