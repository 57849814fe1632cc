from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub import HfApi

from storage.depot import Bucket, DataSet, DepotDown, DepotError, open_depot
from tests import hub
from tests.hub import Hub

NAME = "me/kept"
REPO = f"datasets/{NAME}"

# What the Hub's client does to its own HTTP library.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    # Large files go the plain way: what Xet speaks can't be stood in for in a few lines.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with hub.serving(takes_lfs=True) as running:
        yield running


@pytest.fixture
def data_set(remote: Hub) -> DataSet:
    return DataSet(NAME, HfApi(endpoint=remote.url, token=hub.TOKEN))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_bytes(b"\x00what lasts")
    return file


def test_a_data_set_is_made_private_and_gives_back_what_it_was_given(
    data_set: DataSet, remote: Hub, file: Path, tmp_path: Path
) -> None:
    assert data_set.paths() == set()
    assert remote.private == {REPO: True}
    data_set.store({"feedback.db": file, "adapters/v1/manifest.json": file}, set())
    assert data_set.paths() == {"feedback.db", "adapters/v1/manifest.json"}
    data_set.fetch(data_set.paths(), tmp_path / "back")
    assert (tmp_path / "back" / "adapters/v1/manifest.json").read_bytes() == file.read_bytes()


def test_one_that_everyone_can_read_is_not_used(data_set: DataSet, remote: Hub) -> None:
    remote.files[REPO], remote.private[REPO] = {}, False
    with pytest.raises(DepotDown, match="me/kept is public on the Hub"):
        data_set.paths()


def test_files_come_and_go_in_one_commit(data_set: DataSet, remote: Hub, file: Path) -> None:
    data_set.paths()
    data_set.store({"old": file}, set())
    data_set.store({"new": file}, {"old"})
    assert (data_set.paths(), remote.commits) == ({"new"}, 2)


def test_what_was_replaced_or_removed_is_in_no_older_commit_either(
    data_set: DataSet, remote: Hub, tmp_path: Path
) -> None:
    old, new, small = (tmp_path / name for name in ("old", "new", "small"))
    for file in (old, new, small):
        file.write_bytes(b"\x00" + file.name.encode())
    data_set.paths()
    data_set.store({"feedback.db": old, "adapters/v1/manifest.json": small}, set())
    data_set.store({"feedback.db": new}, {"adapters/v1/manifest.json"})
    assert remote.remembers(b"old")
    assert remote.remembers(b"small")
    data_set.forget()
    assert not remote.remembers(b"old")
    assert not remote.remembers(b"small")
    data_set.fetch({"feedback.db"}, tmp_path / "back")
    assert (tmp_path / "back" / "feedback.db").read_bytes() == new.read_bytes()


def keep(data_set: DataSet, word: str, folder: Path) -> None:
    """Store a database that says this word."""
    (folder / word).write_bytes(b"\x00" + word.encode())
    data_set.store({"feedback.db": folder / word}, set())


def test_every_so_many_commits_the_older_ones_are_forgotten(
    data_set: DataSet, remote: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.depot.SQUASH_EVERY", 2)
    data_set.paths()
    for word in ("first", "second"):
        keep(data_set, word, tmp_path)
    assert remote.remembers(b"first")
    keep(data_set, "third", tmp_path)
    assert [remote.remembers(word) for word in (b"first", b"second", b"third")] == [
        False, False, True,
    ]  # fmt: skip


def test_a_process_forgets_what_the_one_before_left_at_its_first_commit(
    data_set: DataSet, remote: Hub, tmp_path: Path
) -> None:
    data_set.paths()
    for word in ("first", "second"):
        keep(data_set, word, tmp_path)
    keep(DataSet(NAME, HfApi(endpoint=remote.url, token=hub.TOKEN)), "third", tmp_path)
    assert not remote.remembers(b"first")
    assert not remote.remembers(b"second")


def test_what_can_not_be_forgotten_yet_is_stored_all_the_same(
    data_set: DataSet, remote: Hub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data_set.paths()
    remote.refuse("super-squash", 403)
    keep(data_set, "first", tmp_path)
    assert remote.remembers(b"first")
    assert "403" in caplog.text
    keep(data_set, "second", tmp_path)
    assert not remote.remembers(b"first")


def test_without_a_right_token_the_error_says_so_and_not_the_token(remote: Hub) -> None:
    with pytest.raises(DepotDown, match="401") as caught:
        DataSet(NAME, HfApi(endpoint=remote.url, token="hf_wrong")).paths()
    assert "hf_wrong" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_hub_that_answers_nothing_is_down_and_no_empty_one(file: Path) -> None:
    nowhere = DataSet(NAME, HfApi(endpoint="http://127.0.0.1:9", token=hub.TOKEN))
    with pytest.raises(DepotDown, match="Connect"):
        nowhere.paths()


class BucketApi:
    """As much of the Hub client as buckets need, files in memory."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.private = False

    def create_bucket(self, bucket_id: str, *, private: bool, exist_ok: bool) -> None:
        self.private = private

    def bucket_info(self, bucket_id: str) -> Any:  # noqa: ANN401
        return SimpleNamespace(private=self.private)

    def list_bucket_tree(self, bucket_id: str, *, recursive: bool) -> list[Any]:
        folders = [SimpleNamespace(type="directory", path="adapters")]
        return folders + [SimpleNamespace(type="file", path=path) for path in self.files]

    def batch_bucket_files(
        self,
        bucket_id: str,
        *,
        add: list[tuple[Path, str]] | None = None,
        delete: list[str] | None = None,
    ) -> None:
        self.files |= {path: file.read_bytes() for file, path in add or []}
        for path in delete or []:
            del self.files[path]

    def download_bucket_files(
        self, bucket_id: str, files: list[tuple[str, Path]], *, raise_on_missing_files: bool
    ) -> None:
        for path, file in files:
            file.write_bytes(self.files[path])


def test_a_bucket_does_the_same(file: Path, tmp_path: Path) -> None:
    api: Any = BucketApi()
    bucket = Bucket(NAME, api)
    assert bucket.paths() == set()
    assert api.private
    bucket.store({"old": file, "adapters/v1/x": file}, set())
    bucket.store({"new": file}, {"old"})
    assert bucket.paths() == {"new", "adapters/v1/x"}
    bucket.fetch({"adapters/v1/x"}, tmp_path / "back")
    assert (tmp_path / "back" / "adapters/v1/x").read_bytes() == file.read_bytes()


def test_the_client_has_what_a_bucket_asks_of_it() -> None:
    asked = [name for name in vars(BucketApi) if not name.startswith("_")]
    assert all(callable(getattr(HfApi, name)) for name in asked)


def test_a_name_tells_which_it_is() -> None:
    assert isinstance(open_depot("me/kept"), DataSet)
    assert isinstance(open_depot("buckets/me/kept"), Bucket)


@pytest.mark.parametrize("name", ["kept", "me/kept/deep", "https://example.com/me/kept", "a b/c"])
def test_other_names_are_refused_in_one_line(name: str) -> None:
    with pytest.raises(DepotError, match="HITL_SNAPSHOT_REPO has value") as caught:
        open_depot(name)
    assert "\n" not in str(caught.value)
