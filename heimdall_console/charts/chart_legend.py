"""Names and marks on a chart, so that its curves can be told apart without color."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from heimdall_console.charts.chart_view import ChartView
from heimdall_console.charts.curve_columns import Curve, visible
from heimdall_console.charts.number_text import value_text
from heimdall_console.charts.picture import Sheet, fitted, text_width
from heimdall_console.charts.plot_area import PlotArea

_LEAST_COLUMNS_FOR_SIDE: Final = 56
_WIDEST_SIDE: Final = 32
_LEAST_ROWS_FOR_TOP: Final = 7
_MOST_POINTS: Final = 200
_MARKS: Final = "123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Legend:
    """Where the curves are named, and the mark of each (empty for one that has none)."""

    marks: tuple[str, ...]
    side_columns: int = 0
    top_rows: int = 0


def plan_legend(curves: Sequence[Curve], view: ChartView, columns: int, rows: int) -> Legend:
    """Choose marks and the place for the names: right of the plot, above it, or none."""
    named = [curve for curve in curves if curve.kind != "raw"]
    is_one_with_ghost = len(named) == 2 and {c.kind for c in named} == {"line", "ghost"}
    is_few = (len(named) < 2 and view.legend != "marks") or is_one_with_ghost
    if view.legend == "none" or is_few:
        return Legend(("",) * len(curves))
    numbers = iter(_MARKS)
    marks = tuple(
        "" if curve.kind == "raw" else next(numbers, "*") if not curve.label else curve.label[:2]
        for curve in curves
    )
    if view.legend == "marks":
        return Legend(marks)
    if columns >= _LEAST_COLUMNS_FOR_SIDE and len(named) <= rows - 3:
        widest = max(text_width(curve.name) for curve in named) + 9
        return Legend(marks, side_columns=min(widest, _WIDEST_SIDE, columns * 2 // 5) + 2)
    return Legend(marks, top_rows=1 if rows >= _LEAST_ROWS_FOR_TOP else 0)


def distinct_names(names: Sequence[str], width: int, *, ascii_only: bool) -> list[str]:
    """Names in at most `width` cells: where one is too long, without what all begin with."""
    longest = max(map(text_width, names), default=0)
    if len(names) > 1 and longest > width:
        same = [len(set(characters)) == 1 for characters in zip(*names, strict=False)]
        shared = names[0][: same.index(False) if False in same else 0]
        # Cut at a separator: half a number would tell another number.
        cuts = [place + 1 for place, character in enumerate(shared) if character in "-_/. "]
        cut = next((cut for cut in cuts if longest - cut + 1 <= width), max(cuts, default=0))
        if cut > 1:
            names = [("~" if ascii_only else "…") + name[cut:] for name in names]
    return [fitted(name, width, ascii_only=ascii_only) for name in names]


def draw_names(
    sheet: Sheet, area: PlotArea, curves: Sequence[Curve], legend: Legend, *, ascii_only: bool
) -> None:
    """Name the curves above the plot, or at its right where they end."""
    named = [(c, mark) for c, mark in zip(curves, legend.marks, strict=True) if mark]
    if legend.top_rows:
        _draw_top(sheet, named, ascii_only=ascii_only)
    elif legend.side_columns:
        _draw_side(sheet, area, named, ascii_only=ascii_only)


def _draw_top(sheet: Sheet, named: Sequence[tuple[Curve, str]], *, ascii_only: bool) -> None:
    share = max(4, sheet.columns // max(1, len(named)) - 4)
    names = distinct_names([curve.name for curve, _ in named], share, ascii_only=ascii_only)
    column = 0
    for number, ((curve, mark), name) in enumerate(zip(named, names, strict=True)):
        more = f"+{len(named) - number}"
        needed = len(mark) + 1 + text_width(name)
        is_last = number == len(named) - 1
        if column + needed + (0 if is_last else len(more) + 2) > sheet.columns:
            sheet.write(column, 0, more, "note")
            return
        sheet.write(column, 0, mark, curve_style(curve))
        sheet.write(column + len(mark) + 1, 0, name, "legend")
        column += needed + 2


def _draw_side(
    sheet: Sheet, area: PlotArea, named: Sequence[tuple[Curve, str]], *, ascii_only: bool
) -> None:
    begin = area.column + area.columns + 2
    width = area.side_columns - 2
    values = [last_value(curve, area.frame.x[1]) for curve, _ in named]
    texts = [
        curve.figure
        if curve.figure is not None
        else ""
        if value is None
        else value_text(value, area.y_scale)
        for (curve, _), value in zip(named, values, strict=True)
    ]
    room = width - 3 - max(map(len, texts))
    names = distinct_names([curve.name for curve, _ in named], room, ascii_only=ascii_only)
    rows = [None if value is None else area.cell_row(value) for value in values]
    wanted = [area.rows if row is None else row for row in rows]
    order = sorted(range(len(named)), key=lambda number: (wanted[number], number))
    places = spread([wanted[number] for number in order], area.rows)
    for number, place in zip(order, places, strict=True):
        if place is not None:
            curve, mark = named[number]
            sheet.write(begin, area.row + place, mark, curve_style(curve))
            sheet.write(begin + len(mark) + 1, area.row + place, names[number], "legend")
            sheet.write_right(begin + width, area.row + place, texts[number], "legend-value")


def spread(wanted: Sequence[int], rows: int) -> list[int | None]:
    """Rows near the wanted ones, in their order, each once; None for what finds no row."""
    if len(wanted) > rows:
        return [number if number < rows else None for number in range(len(wanted))]
    placed: list[int] = []
    for number, row in enumerate(wanted):
        left = len(wanted) - number
        lowest = placed[-1] + 1 if placed else 0
        placed.append(min(max(row, lowest), rows - left))
    return list(placed)


def draw_end_marks(
    sheet: Sheet,
    area: PlotArea,
    curves: Sequence[Curve],
    legend: Legend,
    *,
    is_growing: bool,
    ascii_only: bool,
) -> None:
    """Put each curve's mark where it ends, or before that where another one stands."""
    for curve in curves:
        if curve.has_points or len(curve) == 1:
            _draw_points(sheet, area, curve, ascii_only=ascii_only)
    taken: set[tuple[int, int]] = set()
    for curve, own_mark in zip(curves, legend.marks, strict=True):
        mark = own_mark
        if not mark and is_growing and curve.kind == "line":
            mark = "o" if ascii_only else "●"
        if not mark:
            continue
        end = last_position(curve, area.frame.x[1])
        place = _cell(area, curve, end)
        while place in taken and place is not None and place[0] > 3:
            end = curve.nearest(_x_before(area, place[0] - 3))
            step_back = _cell(area, curve, end)
            if step_back == place:
                break
            place = step_back
        if place is not None:
            taken.add(place)
            # The end of a live curve moves with every point: in the curve's own style it is sent
            # together with its neighbor.
            style = curve_style(curve) + ("-mark" if own_mark else "")
            sheet.write(area.column + place[0], area.row + place[1], mark, style)


def curve_style(curve: Curve) -> str:
    """The style name a curve is drawn in."""
    return curve.style if curve.kind == "line" else f"{curve.style}-{curve.kind}"


def last_position(curve: Curve, until: float) -> int | None:
    """The last position with a finite value that is not beyond a place."""
    begin, end = visible(curve, (-np.inf, until))
    values = curve.values
    while end > begin:
        part = np.flatnonzero(np.isfinite(values[max(begin, end - 256) : end]))
        if len(part):
            return int(max(begin, end - 256) + part[-1])
        end -= 256
    return None


def last_value(curve: Curve, until: float) -> float | None:
    """The last finite value that is not beyond a place."""
    position = last_position(curve, until)
    return None if position is None else float(curve.values[position])


def _draw_points(sheet: Sheet, area: PlotArea, curve: Curve, *, ascii_only: bool) -> None:
    begin, end = visible(curve, area.frame.x)
    for position in range(begin, min(end, begin + _MOST_POINTS)):
        place = _cell(area, curve, position)
        if place is not None:
            mark = "o" if ascii_only else "•"
            sheet.write(area.column + place[0], area.row + place[1], mark, curve_style(curve))


def _cell(area: PlotArea, curve: Curve, position: int | None) -> tuple[int, int] | None:
    if position is None:
        return None
    column = area.cell_column(float(curve.x[position]))
    row = area.cell_row(float(curve.values[position]))
    return None if column is None or row is None else (column, row)


def _x_before(area: PlotArea, column: int) -> float:
    low, high = area.frame.x
    return low + (high - low) * (column + 0.5) / area.columns
