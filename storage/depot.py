"""Files that are kept on the Hugging Face Hub: in a Storage Bucket, or in a private data set.

Knows no table and not what the files are for. The token is the Hub client's own (`HF_TOKEN`).
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from httpx2 import HTTPError
from huggingface_hub import BucketFile, CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HFValidationError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils._validators import validate_repo_id
from huggingface_hub.utils.tqdm import disable_progress_bars

log = logging.getLogger(__name__)

BUCKET = "buckets/"
"""How a name begins that means a bucket, as in its address on the Hub."""
SQUASH_EVERY = 200
"""Commits after which a data set forgets the ones before, as each holds a whole database."""


class DepotError(ValueError):
    """A depot's name can't be one; shown to whoever starts the app."""


class DepotDown(RuntimeError):
    """The Hub didn't do what was asked, for a reason in one line; trying again later may work."""


@contextmanager
def _asking() -> Iterator[None]:
    """Give every way in which the Hub's client fails one name; its texts hold no token."""
    try:
        yield
    except (HTTPError, OSError, RuntimeError, ValueError) as error:
        why = error.__cause__ or error  # "Error while uploading" says less than its cause
        lines = str(why).strip().splitlines()
        raise DepotDown(": ".join([type(why).__name__, *lines[:1]])) from error


class Depot(Protocol):
    """A place of files by path. Methods raise DepotDown."""

    def paths(self) -> set[str]:
        """Return what is there; makes the depot if there is none."""

    def fetch(self, paths: set[str], folder: Path) -> None:
        """Copy files into a folder, under their paths."""

    def store(self, files: Mapping[str, Path], gone: set[str]) -> None:
        """Add or replace files, and then remove those that are gone."""

    def forget(self) -> None:
        """Keep nothing of what was replaced or removed."""


class DataSet:
    """A private data set; one commit for each `store`, so that it is there whole or not at all."""

    def __init__(self, name: str, api: HfApi) -> None:
        self._name = name
        self._api = api
        self._commits = SQUASH_EVERY  # nobody knows how many the process before has made

    @_asking()
    def paths(self) -> set[str]:
        """Return the files of the newest commit."""
        self._api.create_repo(self._name, repo_type="dataset", private=True, exist_ok=True)
        _check_private(self._name, self._api.repo_info(self._name, repo_type="dataset").private)
        return set(self._api.list_repo_files(self._name, repo_type="dataset"))

    @_asking()
    def fetch(self, paths: set[str], folder: Path) -> None:
        """Download files of the newest commit."""
        for path in sorted(paths):
            self._api.hf_hub_download(self._name, path, repo_type="dataset", local_dir=folder)

    @_asking()
    def store(self, files: Mapping[str, Path], gone: set[str]) -> None:
        """Commit."""
        changes = [CommitOperationAdd(path, file) for path, file in sorted(files.items())]
        left = [CommitOperationDelete(path) for path in sorted(gone)]
        self._api.create_commit(
            self._name, [*changes, *left], repo_type="dataset", commit_message="Snapshot"
        )
        self._commits += 1
        if self._commits >= SQUASH_EVERY:
            self._forget_in_time()

    @_asking()
    def forget(self) -> None:
        """Make the history one commit, and delete the large files that only older ones held."""
        self._api.super_squash_history(self._name, repo_type="dataset")
        tree = self._api.list_repo_tree(self._name, recursive=True, repo_type="dataset")
        held = {one.lfs.sha256 for one in tree if isinstance(one, RepoFile) and one.lfs}
        stored = self._api.list_lfs_files(self._name, repo_type="dataset")
        old = [one for one in stored if one.file_oid not in held]
        self._api.permanently_delete_lfs_files(
            self._name, old, rewrite_history=False, repo_type="dataset"
        )

    def _forget_in_time(self) -> None:
        """Forget, or at the next commit: what was stored now is stored."""
        try:
            self.forget()
        except DepotDown as error:
            log.warning("Older snapshots can't be deleted yet: %s", error)
        else:
            self._commits = 0


class Bucket:
    """A private Storage Bucket, which keeps no history and counts no commits."""

    def __init__(self, name: str, api: HfApi) -> None:
        self._name = name
        self._api = api

    @_asking()
    def paths(self) -> set[str]:
        """Return the files."""
        self._api.create_bucket(self._name, private=True, exist_ok=True)
        _check_private(self._name, self._api.bucket_info(self._name).private)
        tree = self._api.list_bucket_tree(self._name, recursive=True)
        return {one.path for one in tree if one.type == "file"}

    @_asking()
    def fetch(self, paths: set[str], folder: Path) -> None:
        """Download files."""
        wanted: list[tuple[str | BucketFile, str | Path]] = []
        for path in sorted(paths):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            wanted.append((path, folder / path))
        self._api.download_bucket_files(self._name, wanted, raise_on_missing_files=True)

    @_asking()
    def store(self, files: Mapping[str, Path], gone: set[str]) -> None:
        """Upload, then remove."""
        self._api.batch_bucket_files(self._name, add=[(file, path) for path, file in files.items()])
        if gone:
            self._api.batch_bucket_files(self._name, delete=sorted(gone))

    def forget(self) -> None:
        """Nothing is kept of it anyway."""


def _check_private(name: str, private: bool | None) -> None:  # noqa: FBT001 - as the Hub says
    """Refuse what everyone can read: it would hold all that people wrote."""
    if not private:
        raise ValueError(f"{name} is public on the Hub. Make it private, or name another one.")


def open_depot(name: str, api: HfApi | None = None) -> Depot:
    """Return the depot of a name: `user/name` a data set's, `buckets/user/name` a bucket's.

    Raises:
        DepotError: it is neither.
    """
    plain = name.removeprefix(BUCKET)
    try:
        validate_repo_id(plain)
    except HFValidationError:
        plain = ""
    if plain.count("/") != 1:
        raise DepotError(
            f"HITL_SNAPSHOT_REPO has value '{name}'. Use user/name of a data set, "
            "or buckets/user/name of a Storage Bucket."
        )
    disable_progress_bars()
    api = api or HfApi()
    return Bucket(plain, api) if name.startswith(BUCKET) else DataSet(plain, api)
