"""The function that knows what simulated people like: loaded from a file, asked, and checked.

Knows no person.
"""

import importlib.util
from collections.abc import Callable
from pathlib import Path

Taste = Callable[[str, str], float]
"""Maps prompt and response to how much a person likes it, 0 to 1."""


class TasteError(ValueError):
    """A rater function can't be used; shown to whoever starts the simulation."""


def judge(taste: Taste, prompt: str, text: str) -> float:
    """Ask the taste.

    Raises:
        TasteError: it didn't return a number from 0 to 1.
    """
    score: object = taste(prompt, text)
    if not isinstance(score, int | float) or not 0.0 <= score <= 1.0:
        raise TasteError(f"The rater returned {score!r}. Return a number from 0 to 1.")
    return float(score)


def load_taste(where: str) -> Taste:
    """Load `FILE.py:FUNCTION`.

    Raises:
        TasteError: no such file or function.
    """
    file, _, name = where.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise TasteError(f"No rater in '{where}'. Use FILE.py:FUNCTION with a file that exists.")
    spec = importlib.util.spec_from_file_location("rater", path)
    if spec is None or spec.loader is None:
        raise TasteError(f"'{path}' is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    taste = getattr(module, name, None)
    if not callable(taste):
        raise TasteError(f"'{path}' has no function '{name}'.")
    return taste  # type: ignore[no-any-return]
