"""Curves over a common axis, drawn into a given number of cells."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np

from heimdall_console.charts.axis import place_labels
from heimdall_console.charts.canvas import Canvas, Symbols
from heimdall_console.charts.chart_legend import (
    Legend,
    curve_style,
    draw_end_marks,
    draw_names,
    plan_legend,
)
from heimdall_console.charts.chart_notes import draw_corner, notes_of
from heimdall_console.charts.chart_view import ChartView, Frame, frame_of
from heimdall_console.charts.cursor import draw_cursor
from heimdall_console.charts.curve_columns import Curve, column_spans
from heimdall_console.charts.number_text import value_text
from heimdall_console.charts.picture import Picture, Sheet, fitted, text_width
from heimdall_console.charts.plot_area import PlotArea, plan_area

_REFERENCE, _BEYOND = 0, 1
_LAYERS: Final = {"ghost": 2, "raw": 3, "line": 4}
_NO_POINTS: Final = "no points yet"
_UNITS_IN_LABELS: Final = ("time", "clock")


def draw_line_chart(
    curves: Sequence[Curve],
    view: ChartView,
    columns: int,
    rows: int,
    *,
    symbols: Symbols = "braille",
    frame: Frame | None = None,
) -> Picture:
    """The chart with its axes; whatever the numbers are, it is drawn.

    Args:
        curves: What to draw, the most important first.
        view: How to draw it.
        columns: Width in cells.
        rows: Height in cells.
        symbols: What the curves are made of.
        frame: The axes, as `frame_of` gives them; found anew if not given.
    """
    sheet = Sheet(columns, rows)
    frame = frame or frame_of(curves, view)
    legend = plan_legend(curves, view, columns, rows)
    area = _area(view, frame, columns, rows, symbols, legend)
    if area is None:
        return sheet.picture()
    if not any(map(len, curves)):
        text = fitted(_NO_POINTS, columns, ascii_only=symbols == "ascii")
        sheet.write((columns - len(text)) // 2, rows // 2, text, "note")
        return sheet.picture()
    ascii_only = symbols == "ascii"
    sheet.paste(0, 0, _background(area, columns, rows))
    canvas = Canvas(area.columns, area.rows, symbols)
    for reference in view.references:
        _draw_level(canvas, area, reference.value, reference.style)
    for curve in reversed(curves):
        _draw_curve(canvas, area, curve)
    canvas.paint(sheet, area.column, area.row)
    _name_references(sheet, area, view, ascii_only=ascii_only)
    notes = notes_of(curves, view, frame, ascii_only=ascii_only) if view.cursor_x is None else []
    draw_corner(sheet, area, canvas, notes, ascii_only=ascii_only)
    draw_names(sheet, area, curves, legend, ascii_only=ascii_only)
    _mark_best(sheet, area, view, ascii_only=ascii_only)
    draw_end_marks(sheet, area, curves, legend, is_growing=view.is_growing, ascii_only=ascii_only)
    draw_cursor(sheet, area, canvas, curves, legend, view, ascii_only=ascii_only)
    return sheet.picture()


def area_of(
    curves: Sequence[Curve],
    view: ChartView,
    frame: Frame,
    columns: int,
    rows: int,
    symbols: Symbols = "braille",
) -> PlotArea | None:
    """Where `draw_line_chart` puts the plot, for those who point at it."""
    legend = plan_legend(curves, view, columns, rows)
    return _area(view, frame, columns, rows, symbols, legend)


def _area(
    view: ChartView, frame: Frame, columns: int, rows: int, symbols: Symbols, legend: Legend
) -> PlotArea | None:
    return plan_area(
        view.x_unit,
        view.y_scale,
        frame,
        columns,
        rows,
        symbols=symbols,
        side_columns=legend.side_columns,
        top_rows=legend.top_rows,
    )


@lru_cache(maxsize=64)
def _background(area: PlotArea, columns: int, rows: int) -> Picture:
    """Axes and grid, which stay the same for many redraws of a chart."""
    sheet = Sheet(columns, rows)
    if area.symbols == "braille":
        canvas = Canvas(area.columns, area.rows)
        _draw_grid(canvas, area)
        canvas.paint(sheet, area.column, area.row)
    if area.has_labels:
        _draw_axes(sheet, area, ascii_only=area.symbols == "ascii")
    return sheet.picture()


def _draw_grid(canvas: Canvas, area: PlotArea) -> None:
    """Faint dots at the labeled values, one every other cell."""
    rows = [
        row for tick in area.y_ticks if tick.text and (row := area.dot_row(tick.value)) is not None
    ]
    x = np.arange(0, area.dot_columns, 2 * canvas.cell_width)
    y = np.array(rows, np.int64)
    canvas.dots(np.tile(x, len(y)), np.repeat(y, len(x)), "grid")


def _draw_level(canvas: Canvas, area: PlotArea, value: float, style: str) -> None:
    row = area.dot_row(value)
    if row is not None:
        x = np.arange(area.dot_columns)
        x = x[x % (2 * canvas.cell_width) < canvas.cell_width]
        canvas.dots(x, np.full(len(x), row), style, _REFERENCE)


def _draw_curve(canvas: Canvas, area: PlotArea, curve: Curve) -> None:
    top, bottom = column_spans(curve, area.frame.x, area.dot_columns, area.to_row)
    is_shown = (bottom >= -0.5) & (top <= area.dot_rows - 0.5)
    last = area.dot_rows - 1
    first_row = np.clip(np.rint(np.where(is_shown, top, 1)), 0, last).astype(np.int64)
    last_row = np.clip(np.rint(np.where(is_shown, bottom, 0)), 0, last).astype(np.int64)
    last_row[~is_shown] = -1
    is_dashed = curve.kind == "ghost"
    canvas.spans(first_row, last_row, curve_style(curve), _LAYERS[curve.kind], dashed=is_dashed)
    if curve.kind == "line":
        # What lies beyond an edge is shown there, in a color of its own.
        above, below = (bottom < -0.5).nonzero()[0], (top > last + 0.5).nonzero()[0]
        if len(above) or len(below):
            x = np.concatenate([above, below])
            y = np.repeat([0, last], [len(above), len(below)])
            canvas.dots(x, y, "alert", _BEYOND)


def _draw_axes(sheet: Sheet, area: PlotArea, *, ascii_only: bool) -> None:
    side, tick_side, corner, floor, tick_floor = "|++-+" if ascii_only else "│┤└─┬"
    axis_column = area.column - 1
    named_rows = set()
    sheet.fill(axis_column, area.row, 1, area.rows, side, "axis")
    for value, text in area.y_ticks:
        row_at = area.cell_row(value)
        if row_at is None or not text or row_at in named_rows:
            continue
        named_rows.add(row_at)
        sheet.write_right(axis_column, area.row + row_at, text, "label")
        sheet.write(axis_column, area.row + row_at, tick_side, "axis")
    labels = place_labels(area.x_ticks, area.frame.x, area.columns)
    bottom = area.row + area.rows
    if area.has_line:
        sheet.write(axis_column, bottom, corner + floor * area.columns, "axis")
        for label in labels:
            sheet.write(area.column + label.tick, bottom, tick_floor, "axis")
        bottom += 1
    for label in labels:
        sheet.write(area.column + label.start, bottom, label.text, "label")
    if area.x_unit not in _UNITS_IN_LABELS:
        unit = fitted(area.x_unit, axis_column, ascii_only=ascii_only)
        sheet.write_right(axis_column, bottom, unit, "unit")


def _name_references(sheet: Sheet, area: PlotArea, view: ChartView, *, ascii_only: bool) -> None:
    for reference in view.references:
        row = area.cell_row(reference.value)
        if row is None or not reference.label:
            continue
        text = f"{reference.label} {value_text(reference.value, area.y_scale)}"
        text = fitted(text, area.columns // 2, ascii_only=ascii_only)
        end = area.column + area.columns
        sheet.write(end - text_width(text), area.row + row, text, reference.style)


def _mark_best(sheet: Sheet, area: PlotArea, view: ChartView, *, ascii_only: bool) -> None:
    if view.best is None:
        return
    column, row = area.cell_column(view.best[0]), area.cell_row(view.best[1])
    if column is not None and row is not None:
        mark = "*" if ascii_only else "◆"
        sheet.write(area.column + column, area.row + row, mark, "best")
