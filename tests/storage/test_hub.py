import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import DatasetCard, HfApi, ModelCard

from storage import consent, hub
from storage.consent import Agreed
from storage.database import Database
from storage.home import Home
from storage.hub import Place, PushFailed, push
from storage.models import Adapter
from tests.conftest import env_of, on_sqlite
from tests.hub import TOKEN, Hub, serving
from tests.storage.people import Person


@pytest.fixture
def there() -> Iterator[Hub]:
    with serving() as stand_in:
        yield stand_in


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "made"
    made.mkdir()
    (made / "jsonl.jsonl").write_text('{"a": 1}\n')
    (made / "parquet.parquet").write_bytes(b"PAR1" * 100)
    (made / "README.md").write_text("---\npretty_name: x\n---\n# Card\n")
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def api(there: Hub) -> HfApi:
    return HfApi(endpoint=there.url, token=TOKEN)


def never(seconds: float) -> None:
    raise AssertionError(f"waited {seconds} s for nothing")


def test_a_push_makes_a_private_repository_with_every_file_in_one_commit(
    there: Hub, folder: Path
) -> None:
    address = push(api(there), Place("me/feedback", "dataset"), folder, "Add", never)
    assert address.startswith(there.url)
    assert there.files["datasets/me/feedback"] == contents(folder)
    assert there.private == {"datasets/me/feedback": True}
    assert there.commits == 1


def test_a_repository_is_public_only_if_that_was_said(there: Hub, folder: Path) -> None:
    push(api(there), Place("me/open", "dataset", public=True), folder, "Add", never)
    assert there.private == {"datasets/me/open": False}
    (folder / "README.md").write_text("# Other\n")
    before = dict(there.files["datasets/me/open"])
    with pytest.raises(ValueError, match="is public on the Hub"):
        push(api(there), Place("me/open", "dataset"), folder, "Add", never)
    assert there.files["datasets/me/open"] == before


@pytest.mark.parametrize("part", ["/repos/create", "/commit/", "/datasets/me/feedback"])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_hub_that_is_busy_or_broken_is_asked_again(
    part: str, status: int, there: Hub, folder: Path
) -> None:
    waits: list[float] = []
    there.refuse(part, status, times=3)
    push(api(there), Place("me/feedback", "dataset"), folder, "Add", waits.append)
    assert there.files["datasets/me/feedback"] == contents(folder)
    assert waits == [1.0, 2.0, 4.0]


def test_it_waits_as_long_as_the_hub_asks_within_reason(there: Hub, folder: Path) -> None:
    waits: list[float] = []
    there.refuse("/commit/", 429, after="7")
    there.refuse("/commit/", 429, after="99999")
    push(api(there), Place("me/feedback", "dataset"), folder, "Add", waits.append)
    assert waits == [7.0, hub.LONGEST]


def test_a_hub_that_stays_broken_loses_nothing_and_the_next_push_succeeds(
    there: Hub, folder: Path
) -> None:
    before = contents(folder)
    there.refuse("/commit/", 500, times=len(hub.WAITS) + 1)
    with pytest.raises(PushFailed, match="try again later"):
        push(api(there), Place("me/feedback", "dataset"), folder, "Add", lambda _: None)
    assert contents(folder) == before
    assert there.files["datasets/me/feedback"] == {}
    push(api(there), Place("me/feedback", "dataset"), folder, "Add", never)
    assert there.files["datasets/me/feedback"] == before


def test_a_refusal_is_not_asked_again(there: Hub, folder: Path) -> None:
    there.refuse("/commit/", 403)
    with pytest.raises(PushFailed, match="HF_TOKEN"):
        push(api(there), Place("me/feedback", "dataset"), folder, "Add", never)


@pytest.fixture
def upload(there: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the one large file goes: the plain way, as nothing here speaks Xet."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    there.takes_lfs = True
    return f"/objects/{hashlib.sha256((folder / 'parquet.parquet').read_bytes()).hexdigest()}"


@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the Hub's client does it
def test_a_hub_that_cannot_take_a_large_file_now_is_asked_again(
    upload: str, there: Hub, folder: Path
) -> None:
    waits: list[float] = []
    there.refuse(upload, 507)
    push(api(there), Place("me/feedback", "dataset"), folder, "Add", waits.append)
    assert there.files["datasets/me/feedback"] == contents(folder)
    assert waits == [1.0]


@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
def test_a_hub_that_refuses_a_large_file_is_told_in_one_line(
    upload: str, there: Hub, folder: Path
) -> None:
    there.refuse(upload, 403)
    with pytest.raises(PushFailed, match=r"403.*HF_TOKEN") as caught:
        push(api(there), Place("me/feedback", "dataset"), folder, "Add", never)
    assert "\n" not in str(caught.value)


def test_a_hub_that_cannot_be_reached_is_told_in_one_line(folder: Path) -> None:
    nowhere = HfApi(endpoint="http://127.0.0.1:9")
    with pytest.raises(PushFailed, match="All of it lies in") as caught:
        push(nowhere, Place("me/feedback", "dataset"), folder, "Add", lambda _: None)
    assert "\n" not in str(caught.value)


def run(there: Hub, home: Home, *argv: str) -> int:
    env = {**env_of(home), "HF_ENDPOINT": there.url, "HF_TOKEN": TOKEN}
    return hub.main(argv, env)


def test_only_who_said_yes_to_being_published_is_in_a_public_data_set(
    there: Hub, home: Home, person: Person
) -> None:
    person.rate(person.ask("I said nothing of that", "Hello")[0], 1)
    willing = Person(person.database)
    willing.rate(willing.ask("I said yes", "Hello")[0], 1)
    willing.database.write(lambda s: consent.give(s, willing.id, Agreed(publish=True)))
    argv = ("data-set", "--format", "trl-unpaired", "--repo", "me/open", "--public")
    assert run(there, home, *argv) == 0
    files = there.files["datasets/me/open"]
    [row] = files["trl-unpaired.jsonl"].splitlines()
    assert b"I said yes" in row
    card = " ".join(files["README.md"].decode().split())
    assert "Only people who said yes to a publication are in it" in card


def test_the_cards_figures_are_those_of_the_answers_that_agreement_left(
    there: Hub, home: Home, person: Person
) -> None:
    other = Person(person.database)
    for somebody, value in ((person, 1), (other, -1)):
        somebody.rate(somebody.ask("Hi", "Hello")[0], value)
    person.rate(person.ask("Bye", "See you")[0], 1)
    argv = ("data-set", "--format", "trl-unpaired", "--repo", "me/one", "--min-agreement", "0.9")
    assert run(there, home, *argv) == 0
    card = there.files["datasets/me/one"]["README.md"].decode()
    assert "| Rows in `trl-unpaired.jsonl` | 1 |" in card
    assert "| Answers | 1 |" in card
    assert "| Dislikes | 0 |" in card


def test_the_command_pushes_a_data_set_with_its_card_and_takes_back_what_is_stale(
    there: Hub, home: Home, person: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    person.rate(person.ask("I am ann@example.org", "Hello")[0], 1)
    argv = ("data-set", "--format", "trl-unpaired", "--repo", "me/feedback")
    assert run(there, home, *argv) == 0
    assert capsys.readouterr().out.startswith("Pushed to ")
    files = there.files["datasets/me/feedback"]
    assert set(files) == {"trl-unpaired.jsonl", "README.md"}
    assert b"[email]" in files["trl-unpaired.jsonl"]
    files["notes.md"] = b"the host's own"
    assert run(there, home, *argv, "--test", "0.5", "--licence", "cc-by-4.0") == 0
    assert set(files) == {
        "trl-unpaired.train.jsonl", "trl-unpaired.test.jsonl", "README.md", "notes.md",
    }  # fmt: skip
    assert DatasetCard(files["README.md"].decode()).data.get("license") == "cc-by-4.0"


@on_sqlite
def test_the_command_pushes_an_adapter_as_it_was_published(
    there: Hub, home: Home, database: Database
) -> None:
    folder = home.adapters / "v1"
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    (folder / "adapter_config.json").write_text("{}")
    database.write(lambda s: s.add(Adapter(version="v1", parent="base", base="smollm2")))
    there.takes_lfs = True
    there.refuse("/objects/", 500)
    command = [sys.executable, "-m", "storage.hub", "adapter", "--version", "v1", "--repo", "me/v1"]
    settings = {**env_of(home), "HF_ENDPOINT": there.url}
    environment = {**os.environ, **settings, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    files = there.files["models/me/v1"]
    assert files["adapter_model.safetensors"] == b"weights"
    assert ModelCard(files["README.md"].decode()).data.get("base_model") == "smollm2"
    assert {file.name for file in folder.iterdir()} == {
        "adapter_model.safetensors",
        "adapter_config.json",
    }


def test_the_command_refuses_in_one_line(
    there: Hub, home: Home, person: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    person.say("Hi")
    for argv, line in (
        (("adapter", "--version", "v9", "--repo", "me/a"), "no version 'v9'"),
        (("data-set", "--format", "jsonl", "--repo", "a b/c"), "Repo id"),
        (("data-set", "--format", "jsonl", "--repo", ".."), "Repo id"),
        (("data-set", "--format", "jsonl", "--repo", "a/b", "--test", "9"), "--test is 9"),
    ):
        assert run(there, home, *argv) == 2
        error = capsys.readouterr().err
        assert line in error
        assert error.count("\n") == 1
    assert there.commits == 0
