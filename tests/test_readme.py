"""The README is held to what the code says."""

import re
from dataclasses import fields
from pathlib import Path

from hitl_chat.settings import SETTINGS
from storage.export import FORMATS
from training.config import TrainingConfig

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
REQUIREMENTS = (ROOT / "requirements.txt").read_text(encoding="utf-8")
PACKAGES = ("benchmarks", "hitl_chat", "storage", "training")


def table() -> dict[str, tuple[str, str]]:
    rows = re.findall(r"^\| `(\w+)` \| (?:`(.*?)`)? ?\| (.*) \|$", README, re.MULTILINE)
    return {name: (default, sentence) for name, default, sentence in rows}


def test_every_setting_is_in_the_table_with_its_default() -> None:
    documented = table()
    for setting in SETTINGS:
        assert documented[setting.name] == (setting.default, setting.sentence)
    for number in fields(TrainingConfig):
        expected = (str(number.default), number.metadata["sentence"])
        assert documented[f"HITL_{number.name.upper()}"] == expected


def test_no_setting_is_documented_that_is_not_there() -> None:
    known = {s.name for s in SETTINGS} | {f"HITL_{f.name.upper()}" for f in fields(TrainingConfig)}
    assert set(table()) <= known


def test_the_tree_at_the_end_names_every_module_and_nothing_else() -> None:
    tree = README[README.rindex("```\napp.py") :]
    named = set(re.findall(r"(\w+\.py)\b", tree))
    there = {file.name for package in PACKAGES for file in (ROOT / package).glob("*.py")}
    there |= {file.name for file in (ROOT / "hitl_chat" / "engines").glob("*.py")}
    assert named == there - {"__init__.py"} | {"app.py"}


def test_the_space_runs_the_gradio_that_is_pinned() -> None:
    (version,) = re.findall(r"^sdk_version: (.*)$", README, re.MULTILINE)
    assert f"gradio[oauth]=={version}\n" in REQUIREMENTS
    assert re.search(r"^app_file: app\.py$", README, re.MULTILINE)


def test_every_export_format_is_named() -> None:
    assert all(f"`{name}`" in README for name in FORMATS)


def test_every_make_target_is_explained() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("help", "run", "test", "check", "demo", "bench"):
        assert re.search(rf"^{target}:.*## ", makefile, re.MULTILINE)
