"""A single value of a chart as text."""

import math
import time

from heimdall_console.charts.time_axis import elapsed_text, local
from heimdall_console.formatting import number


def value_text(value: float, scale: float = 1.0) -> str:
    """A value of the y axis in about four digits."""
    text = number(value / scale)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def x_text(x: float, unit: str) -> str:
    """A place on the x axis, without its unit where the unit is written elsewhere."""
    if not math.isfinite(x):
        return number(x)
    if unit == "clock":
        return time.strftime("%H:%M:%S", local(x))
    if unit == "time":
        return elapsed_text(x, 1.0)
    if unit in ("step", "epoch") or x == round(x):
        return f"{round(x):,}"
    return value_text(x)
