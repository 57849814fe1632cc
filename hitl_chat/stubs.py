"""Keeps Gradio from making its type stubs anew at each start, which is half of its import.

For editors it renders, compares and sometimes rewrites a `.pyi` for each of its components while it is
imported (`gradio.component_meta.create_or_modify_pyi`). Knows nothing else of Gradio.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

MODULE = "gradio.component_meta"
FUNCTION = "create_or_modify_pyi"


def leave(*_: object) -> None:
    """Leave a component's stub as it is."""


class _Loader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        setattr(module, FUNCTION, leave)


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, _: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path) if fullname == MODULE else None
        if spec and spec.origin:
            spec.loader = _Loader(fullname, spec.origin)
        return spec


def skip() -> None:
    """Have it so when Gradio is imported from now on."""
    sys.meta_path.insert(0, _Finder())
