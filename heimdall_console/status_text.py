"""A run's status and its best value, as every table shows them."""

import math
from collections.abc import Mapping

from heimdall_console.formatting import metric, plain
from heimdall_console.terminal import Style, Terminal

STATUS_STYLES: dict[str, tuple[str, Style]] = {
    "queued": ("○", "dim"),
    "starting": ("○", "accent"),
    "running": ("●", "accent"),
    "paused": ("‖", "warning"),
    "finished": ("✓", "good"),
    "stopped": ("■", "warning"),
    "failed": ("✗", "bad"),
    "killed": ("✗", "bad"),
    "crashed": ("?", "bad"),
}
"""Status → glyph and style."""

_MEDIAN = "val/median_m"


def status_text(status: str, terminal: Terminal) -> str:
    """The status with its glyph where the terminal can show one."""
    glyph, _ = STATUS_STYLES.get(status, ("?", "plain"))
    return f"{glyph} {status}" if terminal.unicode else status


def best_text(monitor: str, metrics: Mapping[str, float]) -> str:
    """The median error of the best checkpoint, or else what ranks it, each with its name."""
    for name in (_MEDIAN, monitor):
        value = metrics.get(name)
        if value is not None and math.isfinite(value):
            label = "median" if name == _MEDIAN else plain(name)
            return f"{label} {metric(name, value)}"
    return ""
