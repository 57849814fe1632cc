"""Keeps Gradio from doing what a chat page has no use for, at each start and with each event.

1. For editors it renders, compares and sometimes rewrites a `.pyi` for each of its components.
2. A page's routes are made anew when it is built and when its queue is set, and nobody serves those:
   `launch` and `mount_gradio_app` make their own.
3. Python looks for garbage again and again in what is only just being made, and stays.
4. Before and after each event Matplotlib, if there is one, is told how to draw. Nothing here draws by it.
Knows nothing else of Gradio.
"""

import gc
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

DRAFT = {"mcp_server": False}
"""How Gradio asks for routes that nobody serves."""
USUAL = gc.get_threshold()
MEANWHILE = 100_000
"""New objects after which garbage is looked for, until the app serves."""


def leave(*_: object) -> None:
    """Leave a component's stub as it is."""


def _without_stubs(component_meta: Any) -> None:  # noqa: ANN401 - a module
    component_meta.create_or_modify_pyi = leave


def _without_drafts(routes: Any) -> None:  # noqa: ANN401 - a module
    make = routes.App.create_app

    def create_app(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - Gradio's own
        return None if kwargs == DRAFT else make(*args, **kwargs)

    routes.App.create_app = staticmethod(create_app)


def _without_drawing(utils: Any) -> None:  # noqa: ANN401 - a module
    utils.MatplotlibBackendMananger = nullcontext


LEANER: dict[str, Callable[[Any], None]] = {
    "gradio.component_meta": _without_stubs,
    "gradio.routes": _without_drafts,
    "gradio.utils": _without_drawing,
}
"""What is changed in a module once it is imported."""


class _Loader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        LEANER[module.__name__](module)


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, _: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path) if fullname in LEANER else None
        if spec and spec.origin:
            spec.loader = _Loader(fullname, spec.origin)
        return spec


def begin() -> None:
    """Have it so when Gradio is imported from now on."""
    sys.meta_path.insert(0, _Finder())
    gc.set_threshold(MEANWHILE)


def end() -> None:
    """Look for garbage as usual from now on, but not in what is there by now: it stays."""
    gc.freeze()
    gc.set_threshold(*USUAL)
