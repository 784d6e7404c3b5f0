"""The line above a chart: its title, and the last value with its trend at the right."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heimdall_console.charts.chart_legend import last_position
from heimdall_console.charts.curve_columns import Curve
from heimdall_console.charts.number_text import value_text
from heimdall_console.charts.picture import Sheet, fitted, text_width

FEW_POINTS = 64
"""Up to so many, a trend is told from the point before."""
_TREND_SHARE = 0.1
_MOST_AVERAGED = 4000


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
    """How far the value moved: from the point before where there are few points, else lately.

    Lately means from the mean over a tenth of the range to the mean over the last tenth, so that
    noise does not turn the arrow with every point.

    Args:
        curve: Whose trend is told.
        scale: What a 1 on the y axis stands for.
        ascii_only: Whether only ASCII characters may be used.
    """
    if len(curve) <= FEW_POINTS:
        known = curve.values[: len(curve)]
        known = known[np.isfinite(known)]
        before, now = (known[-2], known[-1]) if len(known) > 1 else (np.nan, np.nan)
    else:
        last = float(curve.x[len(curve) - 1])
        share = _TREND_SHARE * (last - float(curve.x[0]))
        now = _mean_between(curve, last - share, np.inf)
        before = _mean_between(curve, last - 2 * share, last - share)
    with np.errstate(over="ignore"):
        moved = (float(now) - float(before)) / scale
    if not math.isfinite(moved) or moved == 0:
        return ""
    size = rounded(abs(moved))
    if ascii_only:
        return f"{'+' if moved > 0 else '-'}{size}"
    return f"{'▲' if moved > 0 else '▼'} {size}"


def _mean_between(curve: Curve, low: float, high: float) -> float:
    begin, end = curve.position(low), curve.position(high)
    values = curve.values[begin : min(end, len(curve)) : max(1, (end - begin) // _MOST_AVERAGED)]
    values = values[np.isfinite(values)]
    with np.errstate(over="ignore"):
        return float(values.mean()) if len(values) else math.nan


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
