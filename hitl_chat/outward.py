"""What the page, the owner's page and the endpoints share. Knows none of them.

Which errors people are told in their own words, and how a file is handed out.
"""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import gradio as gr
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from hitl_chat.engines.protocol import EngineBusy
from hitl_chat.service import NotYours, StillAnswering
from storage.database import DatabaseBusy
from storage.privacy import TracesLeft

CLEAR_ERRORS = (ValueError, NotYours, StillAnswering, EngineBusy, DatabaseBusy, TracesLeft)
"""Their text is meant for the person."""


@contextmanager
def told_clearly() -> Iterator[None]:
    """Turn what a person can mend into Gradio's error with the same line."""
    try:
        yield
    except CLEAR_ERRORS as error:
        line = error.PLAIN if isinstance(error, TracesLeft) else str(error)
        raise gr.Error(line, print_exception=False) from error


def downloadable(path: Path) -> str:
    """Return a copy of a file where Gradio may serve it from; the data folder stays closed."""
    return str(save_file_to_cache(path, str(_handed_out(path.parent))))


def recall(exports: Path) -> None:
    """Delete the copies of that folder's files that were handed out: somebody in them was erased."""
    with suppress(FileNotFoundError):  # nothing was
        shutil.rmtree(_handed_out(exports))


def _handed_out(folder: Path) -> Path:
    """Gradio's folder is the machine's: without a part for each, one app takes back another's."""
    name = hashlib.sha256(bytes(folder.resolve())).hexdigest()
    return Path(get_upload_folder()) / "hitl-exports" / name
