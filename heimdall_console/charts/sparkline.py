"""A curve as one line of small bars, for the cell of a table."""

import math
from collections.abc import Sequence
from typing import Final

_BARS: Final = "▁▂▃▄▅▆▇█"
_ASCII_BARS: Final = "_.-=+*#@"


def sparkline(values: Sequence[float], columns: int, *, ascii_only: bool = False) -> str:
    """The values as bars; a space where there is only NaN, shorter where there are few values.

    Made without numpy: the first frame of the program holds sparklines.

    Args:
        values: In their order; where more than fit, those that share a cell are averaged.
        columns: Cells at most.
        ascii_only: Whether only ASCII characters may be used.
    """
    count = len(values)
    cells = min(count, max(0, columns))
    means = [
        _mean(values[cell * count // cells : (cell + 1) * count // cells]) for cell in range(cells)
    ]
    known = [value for value in means if value is not None]
    if not known:
        return " " * cells
    bars = _ASCII_BARS if ascii_only else _BARS
    low, high = min(known), max(known)
    # Halves: the difference of two large numbers may be none.
    span = high / 2 - low / 2
    return "".join(
        " "
        if value is None
        else bars[min(len(bars) - 1, int((value / 2 - low / 2) / span * len(bars)))]
        if span > 0
        else bars[len(bars) // 2]
        for value in means
    )


def _mean(values: Sequence[float]) -> float | None:
    finite = [float(value) for value in values if math.isfinite(value)]
    return sum(value / len(finite) for value in finite) if finite else None
