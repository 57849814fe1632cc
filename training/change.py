"""How far an update moved the adapter. Knows two snapshots, not what lies between them."""

import math

from torch import Tensor


class NothingLearnt(RuntimeError):
    """The update left the policy where it was: a defect, never a success."""


def weight_change(before: list[Tensor], after: list[Tensor], rate: str) -> float:
    """Return the L2 distance between two snapshots; `rate` is the setting of the step size.

    Raises:
        NothingLearnt: no weight moved, or the weights are no longer finite.
    """
    moved = math.sqrt(
        sum(float((a - b).float().square().sum()) for a, b in zip(after, before, strict=True))
    )
    if not math.isfinite(moved):
        raise NothingLearnt(
            f"The update drove the adapter's weights to NaN or infinity. Lower {rate}."
        )
    if moved == 0.0:
        raise NothingLearnt(
            "The update changed no weight of the adapter. See the figures of the cycle's update."
        )
    return moved
