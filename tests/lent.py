"""The real app and the real `spaces`, on a Space with ZeroGPU that has no GPU: `python -m tests.lent`.

What stands in for Hugging Face's lender is an address (SPACES_ZERO_DEVICE_API_URL). All that isn't as
on a Space is where a process that was forked finds the weights: in memory, not on the GPU.
"""

import os
import sys
from collections.abc import Callable

import torch

if torch.version.cuda is None:  # `spaces` looks for what a build for processors lacks
    torch.version.cuda = "13.0"
    torch._C._cuda_init = lambda: None
    torch.cuda._is_in_bad_fork = bool

import spaces.zero.torch as lent
from spaces.zero.torch.patching import cuda_aliases

from app import main


def move(callback: Callable[[int], None] | None) -> None:
    """Give the tensors that pretend to be on a GPU their numbers, where they are."""
    del callback
    for pretended, real in cuda_aliases.items():
        pretended.data = real


if __name__ == "__main__":
    lent.init, lent.pack, lent.move = (lambda _: None), (lambda: 0), move
    sys.exit(main(os.environ))
