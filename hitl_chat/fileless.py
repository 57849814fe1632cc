"""Gradio's Blocks that take no files. Knows no page.

In whatever an event is sent Gradio looks for descriptions of files, and stores what there is at their
addresses: from anyone, and as much as there is.
"""

from typing import Any

import gradio as gr
from gradio_client.utils import is_file_obj_with_meta, traverse


class Fileless(gr.Blocks):
    """Blocks whose events are sent plain values."""

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *more: Any) -> list[Any]:  # noqa: ANN401 - Gradio's own
        """Refuse a file, wherever in the inputs it is described, and go on as Gradio does."""
        traverse(inputs, _refuse, is_file_obj_with_meta)
        processed: list[Any] = await super().preprocess_data(block_fn, inputs, *more)
        return processed


def _refuse(_: dict[str, Any]) -> None:
    raise gr.Error("No files are taken here.", print_exception=False)
