from pathlib import Path

import pytest

from hitl_chat.outward import downloadable, recall


@pytest.fixture(autouse=True)
def _machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))


def exported(folder: Path) -> Path:
    folder.mkdir()
    file = folder / "jsonl.jsonl"
    file.write_text("{}\n")  # the same in both: Gradio names copies by what they hold
    return file


def test_an_app_takes_back_its_own_copies_and_no_other_apps_on_the_machine(tmp_path: Path) -> None:
    ours, theirs = (exported(tmp_path / name) for name in ("ours", "theirs"))
    copies = [Path(downloadable(file)) for file in (ours, theirs)]
    recall(ours.parent)
    assert [copy.exists() for copy in copies] == [False, True]
    assert ours.exists()


def test_nothing_handed_out_is_nothing_to_take_back(tmp_path: Path) -> None:
    recall(tmp_path)
