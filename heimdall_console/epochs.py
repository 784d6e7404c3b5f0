"""Epochs as people count them."""

import math


def epoch_number(
    epoch: int, epochs: int | None, share_done: float | None, *, has_ended: bool
) -> int:
    """The epoch that a run is at, or ended in, counted from 1.

    Args:
        epoch: As its records count it, from 0.
        epochs: Planned epochs.
        share_done: Of the planned steps.
        has_ended: Whether nothing more comes.
    """
    if has_ended and epochs and share_done is not None:
        # The last records of a training count epochs that are over, or the one that was
        # interrupted: only the steps tell which.
        return math.ceil(round(share_done * epochs, 6))
    return min(epoch + 1, epochs or epoch + 1)
