import json
import subprocess
import sys
from importlib import util
from pathlib import Path

from tests.server import ROOT

STARTS = """
import gc
import json
import sys
usual = gc.get_threshold()
import hitl_chat.page
import gradio as gr
from gradio import component_meta, utils
from gradio.routes import App
from hitl_chat import lean

with gr.Blocks() as page:
    gr.Textbox()
drafted = page.queue().app
served = App.create_app(page, app_kwargs={}, mcp_server=False)
meanwhile = gc.get_threshold()
with utils.MatplotlibBackendMananger():
    drawing = "matplotlib" in sys.modules
lean.end()
print(json.dumps({
    "stubs": component_meta.create_or_modify_pyi is not lean.leave,
    "drafted": drafted is not None,
    "drawing": drawing,
    "garbage": [meanwhile == usual, gc.get_threshold() == usual, gc.get_freeze_count() > 0],
    "served": "/config" in [getattr(route, "path", "") for route in served.routes],
}))
"""


def source(module: str) -> str:
    package = util.find_spec("gradio")
    assert package
    assert package.origin
    return (Path(package.origin).parent / f"{module}.py").read_text()


def test_gradio_leaves_out_stubs_unserved_routes_drawing_and_looks_for_garbage() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARTS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {
        "stubs": False,
        "drafted": False,
        "drawing": False,
        "garbage": [False, True, True],
        "served": True,
    }


def test_there_is_something_to_leave_out() -> None:
    """Else this release of Gradio does it otherwise, or no more, and all of it can go."""
    assert source("component_meta").count("create_or_modify_pyi(") > 1
    assert "import matplotlib" in source("utils").split("class MatplotlibBackendMananger")[1]
    assert "utils.MatplotlibBackendMananger()" in source("route_utils")
    assert source("blocks").count("App.create_app(self, mcp_server=False)") == 2
