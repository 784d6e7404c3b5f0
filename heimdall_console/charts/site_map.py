"""Where a dataset's sessions and receivers lie, drawn to scale with north up."""

import math
from collections.abc import Iterable

from heimdall_console.charts.braille import Canvas
from heimdall_console.formatting import meters
from heimdall_console.terminal import Terminal
from training_core.contract.datasets import Occupancy

_METERS_PER_DEGREE = 111_320.0
_MAX_COLUMNS = 96
_SCALE_STEPS = (1, 2, 5)


def map_lines(
    occupancy: Occupancy,
    receivers: Iterable[tuple[float, float]],
    terminal: Terminal,
    *,
    rows: int = 18,
    ascii_only: bool = False,
) -> list[str]:
    """The map with its scale bar.

    Args:
        occupancy: Sessions counted in a grid.
        receivers: Latitude and longitude of each fixed receiver, degrees.
        terminal: What can be shown.
        rows: Height at most, in lines.
        ascii_only: Whether only ASCII characters may be used.
    """
    ascii_only = ascii_only or not terminal.unicode
    middle = math.radians((occupancy.south_deg + occupancy.north_deg) / 2)
    per_longitude = _METERS_PER_DEGREE * math.cos(middle)
    width_m = max(1.0, (occupancy.east_deg - occupancy.west_deg) * per_longitude)
    height_m = max(1.0, (occupancy.north_deg - occupancy.south_deg) * _METERS_PER_DEGREE)
    columns = min(_MAX_COLUMNS, terminal.width - 3)
    # A dot is about as wide as it is high.
    dot_m = max(width_m / (2 * columns - 2), height_m / (4 * rows - 2))
    canvas = Canvas(
        min(columns, math.ceil(width_m / dot_m / 2) + 1),
        min(rows, math.ceil(height_m / dot_m / 4) + 1),
    )
    _draw_sessions(canvas, occupancy, width_m / dot_m, height_m / dot_m)
    for latitude, longitude in receivers:
        x = int((longitude - occupancy.west_deg) * per_longitude / dot_m)
        y = int((occupancy.north_deg - latitude) * _METERS_PER_DEGREE / dot_m)
        canvas.mark(x, y, "^" if ascii_only else "▲", "receiver")
    lines = []
    for row in canvas.cells(ascii_only=ascii_only):
        text = "".join(
            terminal.style(character, "accent") if group == "receiver" else character
            for character, group in row
        )
        lines.append("  " + text.rstrip())
    return [*lines, "", _legend(columns, dot_m, terminal, ascii_only)]


def _draw_sessions(canvas: Canvas, occupancy: Occupancy, width: float, height: float) -> None:
    rows, columns = len(occupancy.counts), len(occupancy.counts[0])
    for row, counts in enumerate(occupancy.counts):
        # Row 0 is the southernmost, dot row 0 the northernmost.
        top = (rows - 1 - row) * height / rows
        bottom = top + height / rows
        for column, sessions in enumerate(counts):
            if sessions:
                left, right = column * width / columns, (column + 1) * width / columns
                for x in range(int(left), max(int(left) + 1, int(right))):
                    for y in range(int(top), max(int(top) + 1, int(bottom))):
                        canvas.dot(x, y)


def _legend(columns: int, dot_m: float, terminal: Terminal, ascii_only: bool) -> str:
    length_m = _nice_length(dot_m * 2 * columns / 4)
    cells = max(2, round(length_m / dot_m / 2))
    bar = "|" + "-" * (cells - 2) + "|" if ascii_only else "├" + "─" * (cells - 2) + "┤"
    session, receiver = (".:#", "^") if ascii_only else ("⠿", "▲")
    return (
        f"  {bar} {meters(length_m).replace('.0 ', ' ')}   "
        f"{session} sessions   {terminal.style(receiver, 'accent')} receivers   north is up"
    )


def _nice_length(most_m: float) -> float:
    power: float = 10.0 ** math.floor(math.log10(most_m))
    return max(step * power for step in _SCALE_STEPS if step * power <= most_m * 1.0001)
