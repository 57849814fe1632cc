import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import util
from pathlib import Path
from types import ModuleType

import pytest

from hitl_chat import lean
from tests.server import ROOT

STARTS = """
import json, sys
import hitl_chat.page
import gradio as gr
from gradio import component_meta
from gradio.routes import App
from hitl_chat import lean

with gr.Blocks() as page:
    gr.Textbox()
drafted = page.queue().app
served = App.create_app(page, app_kwargs={}, mcp_server=False)
print(json.dumps({
    "stubs": component_meta.create_or_modify_pyi is not lean.leave,
    "pandas": "pandas.core" in sys.modules,
    "drafted": drafted is not None,
    "served": "/config" in [getattr(route, "path", "") for route in served.routes],
}))
"""
SLOW = """
import time
first = 1
time.sleep(0.2)
last = 2
"""


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module that takes long to run, imported."""
    (tmp_path / "slow.py").write_text(SLOW)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(lean, "LATER", "slow")
    monkeypatch.delitem(sys.modules, "slow", raising=False)
    return __import__("slow")


def source(module: str) -> str:
    package = util.find_spec("gradio")
    assert package
    assert package.origin
    return (Path(package.origin).parent / f"{module}.py").read_text()


def test_gradio_starts_without_stubs_pandas_and_routes_that_nobody_serves() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARTS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {
        "stubs": False,
        "pandas": False,
        "drafted": False,
        "served": True,
    }


def test_there_is_something_to_leave_out() -> None:
    """Else this release of Gradio does it otherwise, or no more, and all of it can go."""
    assert source("component_meta").count("create_or_modify_pyi(") > 1
    assert source("blocks").count("App.create_app(self, mcp_server=False)") == 2
    assert "import pandas as pd" in source("queueing")


def test_what_waits_runs_once_for_all_threads_that_ask_for_it_at_once(later: ModuleType) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: later.last, range(8)))
    assert found == [2] * 8


def test_what_waits_lacks_what_it_never_had(later: ModuleType) -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = later.nothing
    assert later.first == 1
