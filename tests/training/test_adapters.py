import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

from storage.home import Home
from training.adapters import publish, sweep, verify
from training.base import Base, load_base
from training.config import TrainingConfig
from training.manifest import WEIGHTS, AdapterError, read_manifest
from training.merged import MERGED
from training.policy import Policy


@pytest.fixture
def base_of_adapter(tiny_model: Path, home: Home) -> Base:
    return load_base(str(tiny_model), home)


@pytest.fixture
def copy(tiny_adapter: Path, tmp_path: Path) -> Path:
    """A copy of a good adapter, to be damaged."""
    return Path(shutil.copytree(tiny_adapter, tmp_path / tiny_adapter.name))


def rewrite(folder: Path, **tensors: torch.Tensor) -> None:
    """Replace tensors and make the manifest agree, as an attacker would."""
    weights = load_file(folder / WEIGHTS)
    weights |= dict(zip(weights, tensors.values(), strict=False))
    save_file(weights, folder / WEIGHTS)
    restamp(folder)


def restamp(folder: Path, **changes: object) -> None:
    import hashlib  # noqa: PLC0415 - only this helper plays the attacker

    manifest = json.loads((folder / "manifest.json").read_text())
    digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    manifest["sha256"][WEIGHTS] = digest
    (folder / "manifest.json").write_text(json.dumps(manifest | changes))


def first_tensor(folder: Path) -> torch.Tensor:
    return next(iter(load_file(folder / WEIGHTS).values()))


def test_a_published_adapter_is_what_peft_loads(
    base: Base, config: TrainingConfig, home: Home
) -> None:
    policy = Policy(base, config)
    with torch.no_grad():
        for weight in policy.parameters:
            weight.normal_()
    saved = policy.snapshot()
    version = publish(policy.peft, home.adapters, "base", base, 3)
    policy.close()
    verify(home.adapters / version, base)
    again = PeftModel.from_pretrained(base.model, str(home.adapters / version), is_trainable=True)
    loaded = [p for p in again.parameters() if p.requires_grad]
    assert all(torch.equal(a, b) for a, b in zip(loaded, saved, strict=True))
    assert read_manifest(home.adapters / version).cycle == 3


def test_a_version_holds_its_gguf_where_the_base_has_one(
    base: Base, config: TrainingConfig, home: Home
) -> None:
    policy = Policy(base, config)
    with_one = publish(policy.peft, home.adapters, "base", base, 1)
    without = publish(policy.peft, home.adapters, "base", replace(base, gguf=None), 2)
    policy.close()
    assert MERGED in read_manifest(home.adapters / with_one).sha256
    assert MERGED not in read_manifest(home.adapters / without).sha256


def test_nothing_is_published_if_its_gguf_fails(
    base: Base, config: TrainingConfig, home: Home
) -> None:
    policy = Policy(base, config)
    with torch.no_grad():
        policy.parameters[0].fill_(torch.nan)
        policy.parameters[1].fill_(1.0)
    with pytest.raises(
        AdapterError, match=r"No GGUF can be made of this adapter: .* would hold NaN"
    ):
        publish(policy.peft, home.adapters, "base", base, 3)
    policy.close()
    assert not list(home.adapters.glob("v*"))


def test_a_good_adapter_passes(copy: Path, base_of_adapter: Base) -> None:
    assert verify(copy, base_of_adapter).version == copy.name


def test_one_flipped_byte_is_refused(copy: Path, base_of_adapter: Base) -> None:
    raw = bytearray((copy / WEIGHTS).read_bytes())
    raw[-1] ^= 1
    (copy / WEIGHTS).write_bytes(raw)
    with pytest.raises(AdapterError, match="is not the one published"):
        verify(copy, base_of_adapter)


def test_truncated_weights_are_refused(copy: Path, base_of_adapter: Base) -> None:
    raw = (copy / WEIGHTS).read_bytes()
    (copy / WEIGHTS).write_bytes(raw[: len(raw) // 2])
    restamp(copy)
    with pytest.raises(AdapterError, match="is broken"):
        verify(copy, base_of_adapter)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(
    copy: Path, base_of_adapter: Base, value: float
) -> None:
    rewrite(copy, first=torch.full_like(first_tensor(copy), value))
    with pytest.raises(AdapterError, match="NaN or infinity"):
        verify(copy, base_of_adapter)


def test_a_huge_norm_is_refused(copy: Path, base_of_adapter: Base) -> None:
    rewrite(copy, first=first_tensor(copy) * 1e9)
    with pytest.raises(AdapterError, match="norm above"):
        verify(copy, base_of_adapter)


def test_a_wrong_shape_is_refused(copy: Path, base_of_adapter: Base) -> None:
    rewrite(copy, first=torch.zeros(3, 3))
    with pytest.raises(AdapterError, match="has shape"):
        verify(copy, base_of_adapter)


def test_a_missing_and_an_extra_tensor_are_refused(copy: Path, base_of_adapter: Base) -> None:
    weights = load_file(copy / WEIGHTS)
    gone = sorted(weights)[0]
    save_file({k: v for k, v in weights.items() if k != gone}, copy / WEIGHTS)
    restamp(copy)
    with pytest.raises(AdapterError, match="missing or extra"):
        verify(copy, base_of_adapter)


def test_an_adapter_for_another_base_is_refused(copy: Path, base_of_adapter: Base) -> None:
    restamp(copy, base="gpt2")
    with pytest.raises(AdapterError, match="was made for base 'gpt2'"):
        verify(copy, base_of_adapter)


def test_another_architecture_under_the_same_name_is_refused(
    copy: Path, base_of_adapter: Base
) -> None:
    wide = LlamaConfig(vocab_size=300, hidden_size=64, num_hidden_layers=2, num_attention_heads=4)
    wide.name_or_path = base_of_adapter.model.name_or_path
    other = Base(
        base_of_adapter.name,
        LlamaForCausalLM(wide),
        base_of_adapter.tokenizer,
        base_of_adapter.stop_ids,
    )
    with pytest.raises(AdapterError, match="has shape"):
        verify(copy, other)


def test_a_pickle_beside_the_weights_is_refused(copy: Path, base_of_adapter: Base) -> None:
    (copy / "adapter_model.bin").write_bytes(b"cos\nsystem\n")
    with pytest.raises(AdapterError, match="not what it lists"):
        verify(copy, base_of_adapter)


def test_a_symlink_is_refused(copy: Path, base_of_adapter: Base, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    (copy / WEIGHTS).rename(target)
    (copy / WEIGHTS).symlink_to(target)
    with pytest.raises(AdapterError, match="no plain file"):
        verify(copy, base_of_adapter)


def test_a_folder_under_another_name_is_refused(copy: Path, base_of_adapter: Base) -> None:
    moved = copy.rename(copy.with_name("v000009-deadbeef"))
    with pytest.raises(AdapterError, match="says that it is"):
        verify(moved, base_of_adapter)


def test_a_folder_without_a_manifest_is_refused(copy: Path, base_of_adapter: Base) -> None:
    (copy / "manifest.json").unlink()
    with pytest.raises(AdapterError, match="no readable manifest"):
        verify(copy, base_of_adapter)


def test_sweeping_removes_half_published_folders_and_keeps_the_named(home: Home) -> None:
    for name in (".staging-3", "v000001-aaaaaaaa", "v000002-bbbbbbbb"):
        (home.adapters / name).mkdir()
    sweep(home.adapters, {"v000002-bbbbbbbb"})
    assert [f.name for f in home.adapters.iterdir()] == ["v000002-bbbbbbbb"]
