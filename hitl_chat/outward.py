"""What the page, the owner's page and the endpoints share. Knows none of them.

Which errors people are told in their own words, and how a file is handed out.
"""

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
        raise gr.Error(str(error), print_exception=False) from error


def downloadable(path: Path) -> str:
    """Return a copy of a file where Gradio may serve it from; the data folder stays closed."""
    return str(save_file_to_cache(path, _handed_out()))


def recall() -> None:
    """Delete the copies that were handed out: somebody in them was erased."""
    with suppress(FileNotFoundError):  # nothing was
        shutil.rmtree(_handed_out())


def _handed_out() -> str:
    return str(Path(get_upload_folder()) / "hitl-exports")
