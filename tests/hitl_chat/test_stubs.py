import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from hitl_chat import stubs
from tests.server import ROOT

IMPORTS = """
import hitl_chat.page
from gradio import component_meta
from hitl_chat import stubs
print(component_meta.create_or_modify_pyi is stubs.leave)
"""


def test_gradio_is_imported_without_making_its_type_stubs_anew() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\n"


def test_there_is_something_to_leave_out() -> None:
    """Else this release of Gradio does it otherwise, or no more, and all of it can go."""
    package = find_spec("gradio")
    assert package
    assert package.origin
    source = (Path(package.origin).parent / f"{stubs.MODULE.split('.')[1]}.py").read_text()
    assert f"def {stubs.FUNCTION}(" in source
    assert source.count(f"{stubs.FUNCTION}(") > 1
