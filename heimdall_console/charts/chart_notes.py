"""Notes in a corner of a chart: the best point, ghosts, and what could not be drawn."""

from collections.abc import Sequence

import numpy as np

from heimdall_console.charts.canvas import Canvas
from heimdall_console.charts.chart_view import ChartView, Frame
from heimdall_console.charts.curve_columns import Curve, visible
from heimdall_console.charts.number_text import value_text, x_text
from heimdall_console.charts.picture import Sheet, fitted, text_width
from heimdall_console.charts.plot_area import PlotArea

Note = tuple[str, str]  # text, style


def notes_of(
    curves: Sequence[Curve], view: ChartView, frame: Frame, *, ascii_only: bool = False
) -> list[Note]:
    """What else is to be said: the best point, ghosts, and values that could not be drawn."""
    notes: list[Note] = []
    if view.best is not None:
        x, value = view.best
        at = x_text(x, view.x_unit)
        notes.append((f"best {value_text(value, view.y_scale)} @ {at}", "best"))
    named = [curve for curve in curves if curve.kind != "raw"]
    if len(named) == 2 and view.legend != "none":
        dash = "- -" if ascii_only else "┈┈"
        notes += [(f"{dash} {c.name}", "note") for c in named if c.kind == "ghost"]
    notes += [(text, "note") for text in view.notes]
    missing = infinite = hidden = 0
    for curve in _judged(curves):
        if not (len(curve.pyramid.odd) or frame.log_y):
            continue
        begin, end = visible(curve, frame.x)
        curve_missing, curve_infinite = curve.pyramid.odd_between(begin, end)
        missing, infinite = missing + curve_missing, infinite + curve_infinite
        if frame.log_y and curve.pyramid.extent(begin, end)[0] <= 0:
            hidden += int(np.count_nonzero(curve.values[begin:end] <= 0))
    notes += _beyond(view, frame, ascii_only=ascii_only)
    if missing:
        notes.append((f"{missing:,} NaN", "alert"))
    if infinite:
        notes.append((f"{infinite:,} inf" if ascii_only else f"{infinite:,} ∞", "alert"))
    if hidden:
        notes.append((f"{hidden:,} {'<=' if ascii_only else '≤'} 0", "alert"))
    return notes


def draw_corner(
    sheet: Sheet, area: PlotArea, canvas: Canvas, notes: Sequence[Note], *, ascii_only: bool
) -> None:
    """Write notes into the corner of the plot that holds the fewest dots."""
    width = min(max((text_width(text) for text, _ in notes), default=0), area.columns - 2)
    shown = list(notes)[: max(0, area.rows - 1)]
    if not shown or width < 4:
        return
    height = len(shown)
    right, low = area.columns - width, area.rows - height
    taken = canvas.is_taken
    corners = [(right, 0), (right, low), (0, 0), (0, low)]
    column, row = min(
        corners, key=lambda c: int(taken[c[1] : c[1] + height, c[0] : c[0] + width].sum())
    )
    for number, (text, style) in enumerate(shown):
        text = fitted(text, width, ascii_only=ascii_only)
        at = column if column == 0 else area.columns - text_width(text)
        sheet.write(area.column + at, area.row + row + number, text, style)


def _beyond(view: ChartView, frame: Frame, *, ascii_only: bool) -> list[Note]:
    """The extremes that lie beyond the axis."""
    if frame.extremes is None:
        return []
    low, high = frame.extremes
    up, down = ("^", "v") if ascii_only else ("↑", "↓")
    notes = []
    if high > frame.y[1]:
        notes.append((f"{up} {value_text(high, view.y_scale)}", "alert"))
    if low < frame.y[0]:
        notes.append((f"{down} {value_text(low, view.y_scale)}", "alert"))
    return notes


def _judged(curves: Sequence[Curve]) -> list[Curve]:
    """The curves whose values are counted: what was measured, not what was smoothed from it."""
    raw_styles = {curve.style for curve in curves if curve.kind == "raw"}
    return [
        c for c in curves if c.kind == "raw" or (c.kind == "line" and c.style not in raw_styles)
    ]
