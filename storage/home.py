"""Where everything that lasts lives on disk. Knows no table and no setting beyond the folder."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from sqlalchemy.engine import URL

DEFAULT_DATA_DIR = "data"


class HomeError(ValueError):
    """The data folder can't be used; shown to whoever starts a process."""


@dataclass(frozen=True)
class Home:
    """The data folder and the database address. Every process of one installation shares it."""

    folder: Path
    database_url: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Home":
        """Read `HITL_DATA_DIR` and `HITL_DATABASE_URL` from a mapping such as `os.environ`."""
        folder = Path(env.get("HITL_DATA_DIR") or DEFAULT_DATA_DIR).expanduser().absolute()
        file = URL.create("sqlite", database=str(folder / "feedback.db"))
        url = env.get("HITL_DATABASE_URL") or file.render_as_string()
        return cls(folder, url)

    @property
    def adapters(self) -> Path:
        """One folder for each published adapter version."""
        return self.folder / "adapters"

    @property
    def models(self) -> Path:
        """Converted base models; a cache, safe to delete."""
        return self.folder / "models"

    @property
    def features(self) -> Path:
        """What the frozen layers make of rated answers; a cache, safe to delete."""
        return self.folder / "features"

    @property
    def head(self) -> Path:
        """The newest reward head; the next training makes it anew."""
        return self.folder / "head.safetensors"

    @property
    def exports(self) -> Path:
        """Data sets written from the page."""
        return self.folder / "exports"

    @property
    def backups(self) -> Path:
        """Copies of the database, one file each."""
        return self.folder / "backups"

    @contextmanager
    def copying(self) -> Iterator[None]:
        """Hold the right to copy people's words out of the database, or to clear copies away.

        One process at a time: a copy that was begun before someone was erased would outlast that.
        """
        with (self.folder / "copies.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def prepare(self) -> None:
        """Make the folders.

        Raises:
            HomeError: the folder can't be made or written.
        """
        try:
            for folder in (self.folder, self.adapters, self.models, self.exports):
                folder.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=self.folder):  # chat and trainer may try at the same moment
                pass
        except OSError as error:
            raise HomeError(
                f"Data folder {self.folder} can't be written ({error.strerror or error}). "
                "Set HITL_DATA_DIR to a folder you own, or give this user write access."
            ) from error


def settle(path: Path) -> None:
    """Have the disk keep what a file holds, or which names a folder has, through a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
