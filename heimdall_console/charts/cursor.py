"""The cursor of a chart: a line across the plot with the value of every curve near it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from heimdall_console.charts.canvas import Canvas
from heimdall_console.charts.chart_legend import Legend, curve_style
from heimdall_console.charts.chart_view import ChartView
from heimdall_console.charts.curve_columns import Curve
from heimdall_console.charts.number_text import value_text, x_text
from heimdall_console.charts.picture import SPACE, Sheet, fitted, text_width
from heimdall_console.charts.plot_area import PlotArea

_LEAST_COLUMNS: Final = 3


@dataclass(frozen=True)
class CursorValue:
    """The point of a curve that is nearest to the cursor."""

    curve: Curve
    x: float
    value: float
    """NaN where the curve is not drawn at the cursor: its nearest point would tell another place's
    value."""


def cursor_values(curves: Sequence[Curve], x: float, reach: float) -> list[CursorValue]:
    """The nearest points of all curves that have one, in the order of the curves.

    Args:
        curves: What is drawn.
        x: Where the cursor is.
        reach: How far beyond a curve's ends, and in its gaps, a point still counts.
    """
    found = []
    for curve in curves:
        position = curve.nearest(x)
        if position is not None:
            at, value = float(curve.x[position]), float(curve.values[position])
            is_there = abs(at - x) <= reach or _is_joined(curve, x)
            found.append(CursorValue(curve, at, value if is_there else math.nan))
    return found


def _is_joined(curve: Curve, x: float) -> bool:
    """Whether a line joins the points before and after a place."""
    after = curve.position(x)
    if not 0 < after < len(curve):
        return False
    return bool(np.isfinite(curve.values[after - 1 : after + 1]).all())


def draw_cursor(
    sheet: Sheet,
    area: PlotArea,
    canvas: Canvas,
    curves: Sequence[Curve],
    legend: Legend,
    view: ChartView,
    *,
    ascii_only: bool,
) -> None:
    """Draw line, points and values; nothing where the cursor is out of sight."""
    if view.cursor_x is None:
        return
    column = area.cell_column(view.cursor_x)
    if column is None:
        return
    line = "|" if ascii_only else "│"
    for row in range(area.rows):
        if canvas.layer_at(column, row) < 0:
            sheet.write(area.column + column, area.row + row, line, "cursor")
    low, high = area.frame.x
    values = cursor_values(curves, view.cursor_x, (high - low) / area.columns)
    point = "o" if ascii_only else "●"
    for found in reversed(values):
        at, row_at = area.cell_column(found.x), area.cell_row(found.value)
        if at is not None and row_at is not None and found.curve.kind != "raw":
            style = f"{curve_style(found.curve)}-mark"
            sheet.write(area.column + at, area.row + row_at, point, style)
    _write_values(sheet, area, column, curves, legend, view, values, ascii_only=ascii_only)


def _write_values(
    sheet: Sheet,
    area: PlotArea,
    column: int,
    curves: Sequence[Curve],
    legend: Legend,
    view: ChartView,
    values: Sequence[CursorValue],
    *,
    ascii_only: bool,
) -> None:
    """Write the readout beside the line, where it hides the least of what is drawn."""
    unit = f"{view.x_unit} " if view.x_unit not in ("time", "clock") else ""
    lines = [(f"{unit}{x_text(view.cursor_x or 0.0, view.x_unit)}", "cursor-label")]
    marks = {id(curve): mark for curve, mark in zip(curves, legend.marks, strict=True)}
    for found in values:
        mark = marks[id(found.curve)]
        kind = "" if found.curve.kind == "line" else f"{found.curve.kind} "
        prefix = f"{mark} " if mark else kind
        is_there = math.isfinite(found.value)
        text = f"{prefix}{value_text(found.value, view.y_scale) if is_there else '-'}"
        lines.append((text, curve_style(found.curve)))
    lines = lines[: area.rows]
    place = _free_place(sheet, area, column, max(text_width(text) for text, _ in lines), len(lines))
    if place.width < _LEAST_COLUMNS:
        return
    for number, (text, style) in enumerate(lines):
        shown = fitted(text, place.width, ascii_only=ascii_only)
        spare = " " * (place.width - text_width(shown))
        padded = spare + shown if place.is_left else shown + spare
        sheet.write(area.column + place.begin, area.row + place.row + number, padded, style)


class _Place(NamedTuple):
    begin: int
    row: int
    width: int
    is_left: bool


def _free_place(sheet: Sheet, area: PlotArea, column: int, width: int, height: int) -> _Place:
    """Beside the line in one of its four corners, the upper ones and the roomier side first.

    Curves and names count as drawn, the grid does not; what is cut off counts as hidden, too.
    """
    corner = np.s_[area.row : area.row + area.rows, area.column : area.column + area.columns]
    is_drawn = (sheet.codes[corner] != SPACE) & (sheet.styles[corner] != sheet.style("grid"))
    sides = [False, True] if column <= area.columns // 2 else [True, False]

    def place(is_left: bool, row: int) -> _Place:
        room = column - 1 if is_left else area.columns - column - 2
        shown = max(0, min(width, room))
        return _Place(column - 1 - shown if is_left else column + 2, row, shown, is_left)

    def hidden(found: _Place) -> int:
        cells = is_drawn[found.row : found.row + height, found.begin : found.begin + found.width]
        return int(cells.sum()) + height * (width - found.width)

    corners = [place(is_left, row) for row in (0, area.rows - height) for is_left in sides]
    return min(corners, key=hidden)
