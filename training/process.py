"""What a process of the training side is before it works: behind chat, and silent but for its own words."""

import os
import warnings

from transformers.utils import logging as transformers_logging

NICENESS = 19
"""Chat comes first: on a busy machine training gets what chat leaves."""


def stand_back() -> None:
    """Take the lowest priority, and keep what others would print to themselves."""
    os.nice(NICENESS - os.nice(0))
    transformers_logging.disable_progress_bar()
    # PEFT 0.21 asks transformers 5.23 for it each time it wraps a model; nobody can mend that here.
    warnings.filterwarnings("ignore", message=".is_gradient_checkpointing", category=FutureWarning)
