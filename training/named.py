"""A function that somebody names as FILE.py:FUNCTION: loaded, asked about answers, and checked.

Knows not what its numbers are for. Needs no torch.
"""

import importlib.util
from collections.abc import Callable
from pathlib import Path

Function = Callable[[str, str], float]
"""Maps question and answer to how good the answer is, 0 to 1."""


class Unusable(ValueError):
    """The function can't be used; shown to whoever named it."""


def load(where: str) -> Function:
    """Load `FILE.py:FUNCTION`. It runs with all rights of this process.

    Raises:
        Unusable: no such file or function.
    """
    file, _, name = where.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise Unusable(f"No file '{file}' in '{where}'. Use FILE.py:FUNCTION.")
    spec = importlib.util.spec_from_file_location("named", path)
    if spec is None or spec.loader is None:
        raise Unusable(f"'{path}' is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = getattr(module, name, None)
    if not callable(found):
        raise Unusable(f"'{path}' has no function '{name}'.")
    return found  # type: ignore[no-any-return]


def ask(function: Function, question: str, answer: str) -> float:
    """Ask how good an answer is.

    Raises:
        Unusable: what came back is no number from 0 to 1.
    """
    score: object = function(question, answer)
    if not isinstance(score, int | float) or not 0.0 <= score <= 1.0:  # NaN is neither
        raise Unusable(f"The function returned {score!r}. Return a number from 0 to 1.")
    return float(score)
