"""Keeps Gradio from doing at each start what a chat page has no use for: a third of it.

1. For editors it renders, compares and sometimes rewrites a `.pyi` for each of its components.
2. Pandas, which tables and plots take, waits until something asks for it: 65 MB less.
3. A page's routes are made anew when it is built and when its queue is set, and nobody serves those:
   `launch` and `mount_gradio_app` make their own.
4. Garbage is looked for after 100,000 new objects instead of 700: importing leaves hardly any.
Knows nothing else of Gradio.
"""

import gc
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

LATER = "pandas"
DRAFT = {"mcp_server": False}
"""How Gradio asks for routes that nobody serves."""
OBJECTS = 100_000


def leave(*_: object) -> None:
    """Leave a component's stub as it is."""


def _without_stubs(component_meta: Any) -> None:  # noqa: ANN401 - a module
    component_meta.create_or_modify_pyi = leave


def _without_drafts(routes: Any) -> None:  # noqa: ANN401 - a module
    make = routes.App.create_app

    def create_app(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - Gradio's own
        return None if kwargs == DRAFT else make(*args, **kwargs)

    routes.App.create_app = staticmethod(create_app)


LEANER: dict[str, Callable[[Any], None]] = {
    "gradio.component_meta": _without_stubs,
    "gradio.routes": _without_drafts,
}
"""What is changed in a module once it is imported."""


class _Later(ModuleType):
    """A module that is run when something first asks for what is in it, by whatever thread."""

    _running = threading.RLock()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - anything
        # `importlib.util.LazyLoader` shows a second thread half a module (python/cpython#114763).
        with self._running:
            run = vars(self).pop("run", None)
            if run:
                run(self)
        return super().__getattribute__(name)


class _LaterLoader(SourceFileLoader):
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Later(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["run"] = super().exec_module


class _LeanerLoader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        LEANER[module.__name__](module)


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, _: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != LATER and fullname not in LEANER:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec and spec.origin:
            loader = _LaterLoader if fullname == LATER else _LeanerLoader
            spec.loader = loader(fullname, spec.origin)
        return spec


def start() -> None:
    """Have it so when Gradio is imported from now on."""
    sys.meta_path.insert(0, _Finder())
    gc.set_threshold(OBJECTS)
