"""The line above a chart: its title, and the last value with its trend at the right."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heimdall_console.charts.chart_legend import last_position
from heimdall_console.charts.curve_columns import Curve
from heimdall_console.charts.number_text import value_text
from heimdall_console.charts.picture import Sheet, fitted, text_width

_FEW_POINTS = 64
_TREND_SHARE = 0.1


@dataclass(frozen=True)
class Header:
    """What stands above a chart."""

    title: str
    value: str = ""
    trend: str = ""


def draw_header(sheet: Sheet, header: Header, *, is_focused: bool, ascii_only: bool) -> None:
    """Write the header into the first row; the title gives way to the value."""
    plain_line, focused_line = "-=" if ascii_only else "─━"
    line = focused_line if is_focused else plain_line
    width = sheet.columns
    sheet.write(0, 0, line * width, "rule-focused" if is_focused else "rule")
    value, trend = header.value, header.trend
    if text_width(value) + text_width(trend) + 12 > width:
        trend = ""
    figures = f" {value}{' ' + trend if trend else ''} " if value else ""
    room = width - text_width(figures) - 5
    title = fitted(header.title, room, ascii_only=ascii_only)
    if title:
        sheet.write(1, 0, f" {title} ", "title-focused" if is_focused else "title")
    if figures and text_width(figures) < width:
        begin = width - text_width(figures) - 1
        sheet.write(begin, 0, f" {value} ", "value")
        if trend:
            sheet.write(begin + 2 + text_width(value), 0, f"{trend} ", "trend")


def trend_text(curve: Curve, scale: float = 1.0, *, ascii_only: bool = False) -> str:
    """How far the last value has moved: from the point before where there are few, else lately.

    Args:
        curve: Best a smoothed one.
        scale: What a 1 on the y axis stands for.
        ascii_only: Whether only ASCII characters may be used.
    """
    end = last_position(curve, math.inf)
    if end is None:
        return ""
    values = curve.values
    known = np.flatnonzero(np.isfinite(values[max(0, end - _FEW_POINTS) : end]))
    if len(curve) <= _FEW_POINTS:
        before = int(known[-1]) if len(known) else None
    else:
        reach = float(curve.x[end]) - float(curve.x[0])
        before = curve.nearest(float(curve.x[end]) - _TREND_SHARE * reach)
    if before is None or before == end:
        return ""
    with np.errstate(over="ignore"):
        moved = (float(values[end]) - float(values[before])) / scale
    if not math.isfinite(moved) or moved == 0:
        return ""
    size = rounded(abs(moved))
    if ascii_only:
        return f"{'+' if moved > 0 else '-'}{size}"
    return f"{'▲' if moved > 0 else '▼'} {size}"


def last_value_text(curves: Sequence[Curve], scale: float = 1.0) -> str:
    """The last finite value of the first curve."""
    if not curves:
        return ""
    end = last_position(curves[0], math.inf)
    return "" if end is None else value_text(float(curves[0].values[end]), scale)


def rounded(value: float) -> str:
    """A difference in two digits: more of them would change with every point."""
    if not 1e-4 <= value < 1e6:
        return f"{value:.0e}"
    decimals = max(0, 1 - math.floor(math.log10(value)))
    return f"{float(f'{value:.1e}'):,.{decimals}f}"
