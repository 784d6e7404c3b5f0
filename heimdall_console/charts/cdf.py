"""Cumulative shares of position errors, one numbered curve a method."""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence

from heimdall_console.charts.braille import Canvas
from heimdall_console.formatting import meters
from heimdall_console.terminal import Style, Terminal

_STYLES: tuple[Style, ...] = ("accent", "warning", "good", "bad", "plain")
_LABEL_WIDTH = 6
_SHOWN_SHARE = 0.95


def cdf_lines(
    errors_m: Mapping[str, Sequence[float]],
    terminal: Terminal,
    *,
    rows: int = 12,
    ascii_only: bool = False,
) -> list[str]:
    """The share of sessions located within each distance.

    Args:
        errors_m: Method → its errors or quantiles of them at equal steps, meters, in any order.
        terminal: What can be shown.
        rows: Height of the plot in lines.
        ascii_only: Whether only ASCII characters may be used.
    """
    ascii_only = ascii_only or not terminal.unicode
    curves = {
        name: ordered
        for name, values in errors_m.items()
        if (ordered := sorted(value for value in values if math.isfinite(value)))
    }
    if not curves:
        return []
    columns = min(90, terminal.width - _LABEL_WIDTH - 4)
    reach_m = _round_up(max(_quantile(values, _SHOWN_SHARE) for values in curves.values()))
    canvas = Canvas(columns, rows)
    for index, values in enumerate(curves.values(), start=1):
        _draw_curve(canvas, values, reach_m, str(index))
    for index, values in enumerate(curves.values(), start=1):
        # The number stands at another height on each curve, so that none hides another.
        share = 0.25 + 0.5 * index / (len(curves) + 1)
        x = round(_quantile(values, share) / reach_m * (canvas.width - 1))
        canvas.mark(x, round((1 - share) * (canvas.height - 1)), str(index), str(index))
    axis = "|" if ascii_only else "│"
    lines = []
    for row, cells in enumerate(canvas.cells(ascii_only=ascii_only)):
        text = "".join(
            terminal.style(character, _style(group)) if group else character
            for character, group in cells
        )
        lines.append(f" {_share_label(row, rows):>{_LABEL_WIDTH}} {axis}{text.rstrip()}")
    return [*lines, *_foot(columns, reach_m, ascii_only), "", *_legend(list(curves), terminal)]


def _draw_curve(canvas: Canvas, values: list[float], reach_m: float, group: str) -> None:
    before: tuple[int, int] | None = None
    for x in range(canvas.width):
        distance_m = reach_m * x / (canvas.width - 1)
        share = bisect_right(values, distance_m) / len(values)
        point = (x, round((1 - share) * (canvas.height - 1)))
        canvas.line(before or point, point, group)
        before = point


def _share_label(row: int, rows: int) -> str:
    if row == 0:
        return "100 %"
    if row == rows - 1:
        return "0 %"
    return "50 %" if row == rows // 2 else ""


def _foot(columns: int, reach_m: float, ascii_only: bool) -> list[str]:
    corner, line = ("+", "-") if ascii_only else ("└", "─")
    left = " " * (_LABEL_WIDTH + 2)
    ticks = [0.0, reach_m / 4, reach_m / 2, 3 * reach_m / 4, reach_m]
    labels = [" "] * (columns + 12)
    for tick in ticks:
        text = "0" if tick == 0 else meters(tick).replace(".0 ", " ")
        start = round(tick / reach_m * (columns - 1)) + 1 - (0 if tick == 0 else len(text) // 2)
        start = min(start, columns + 1 - len(text))
        labels[start : start + len(text)] = text
    return [left + corner + line * columns, left + "".join(labels).rstrip()]


def _legend(names: list[str], terminal: Terminal) -> list[str]:
    parts = [
        f"{terminal.style(str(index), _style(str(index)))} {name}"
        for index, name in enumerate(names, start=1)
    ]
    return [" " * (_LABEL_WIDTH + 3) + "   ".join(parts)]


def _style(group: str) -> Style:
    return _STYLES[(int(group) - 1) % len(_STYLES)]


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _round_up(value: float) -> float:
    """A limit at a round number, so that axes of similar results agree."""
    value = max(value, 1e-3)
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(s * power for s in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if s * power >= value)
