"""What part of its curves a line chart shows, and how."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from heimdall_console.charts.curve_columns import Curve, value_range, visible
from heimdall_console.charts.ranges import (
    Range,
    fit_log_range,
    fit_range,
    grown_end,
    grown_range,
    round_log_range,
    round_range,
)

_TYPICAL_COLUMNS: Final = 128
_SAMPLED: Final = 15
_FLATTENED: Final = 1000.0
_LEAST_TYPICAL: Final = 20
_RARE: Final = 0.08
_WHOLE_UNITS: Final = ("step", "epoch")


@dataclass(frozen=True)
class Reference:
    """A level to compare with, as a dashed line across the plot."""

    value: float
    label: str = ""
    style: str = "reference"


@dataclass(frozen=True)
class ChartView:
    """How a line chart is to be drawn; what is None is found from the curves."""

    x_range: Range | None = None
    y_range: Range | None = None
    log_y: bool = False
    x_unit: str = "step"
    """`step`, `epoch`, `time` (elapsed seconds), `clock` (seconds since 1970) or any other name."""
    y_scale: float = 1.0
    """What a 1 on the y axis stands for: 2**30 shows bytes as GiB, 0.01 shares as percent."""
    planned_end: float | None = None
    """Where x will end, if that is known: the axis reaches there from the start."""
    is_growing: bool = False
    """Whether points are still added: axes then change in round steps only."""
    cursor_x: float | None = None
    best: tuple[float, float] | None = None
    """Place and value of the best point."""
    references: tuple[Reference, ...] = ()
    notes: tuple[str, ...] = ()
    """Lines of text for an empty corner of the plot."""
    legend: str = "auto"
    """`auto` names the curves where there are several, `marks` only marks where they end, for a
    screen that names them elsewhere, `none` does neither."""
    fits_typical: bool | None = None
    """Whether the y axis holds what most columns show, and a rare spike may leave the plot.
    With None only where a spike would make everything else one flat line."""


@dataclass(frozen=True)
class Frame:
    """The ranges of both axes, as drawn."""

    x: Range
    y: Range
    log_y: bool = False
    extremes: Range | None = field(default=None, compare=False)
    """Least and greatest value where some lie beyond the y axis."""
    is_empty: bool = field(default=False, compare=False)
    """Whether there was nothing to draw: such a y axis is no measure for a later one."""


def frame_of(curves: Sequence[Curve], view: ChartView, previous: Frame | None = None) -> Frame:
    """The axes for some curves.

    Args:
        curves: What will be drawn.
        view: How; its ranges are taken as they are.
        previous: The frame drawn before: a growing chart keeps it as long as it holds.
    """
    x_range = fit_range(*view.x_range) if view.x_range else full_x_range(curves, view)
    if view.log_y:
        return Frame(x_range, _log_range(curves, view, x_range, previous), log_y=True)
    if view.y_range:
        return Frame(x_range, fit_range(*view.y_range))
    extremes = low, high = _least_and_greatest(curves, x_range)
    if view.fits_typical is not False and low < high:
        low, high = _typical(curves, x_range, low, high, is_asked=bool(view.fits_typical))
    references = [reference.value for reference in view.references]
    low, high = min([low, *references]), max([high, *references])
    is_like = previous is not None and not (previous.log_y or previous.is_empty)
    before = previous.y if previous and is_like else None
    scale = view.y_scale
    if not low <= high:
        return Frame(x_range, (0.0, scale), is_empty=True)
    if view.is_growing:
        scaled = (before[0] / scale, before[1] / scale) if before else None
        y_range = grown_range(scaled, low / scale, high / scale)
    else:
        y_range = round_range(low / scale, high / scale)
    bottom, top = y_range[0] * scale, y_range[1] * scale
    # What is a rounding error beyond an end is drawn at it.
    unseen = (top - bottom) * 1e-6
    is_beyond = extremes[0] < bottom - unseen or extremes[1] > top + unseen
    return Frame(x_range, (bottom, top), extremes=extremes if is_beyond else None)


def full_x_range(curves: Sequence[Curve], view: ChartView) -> Range:
    """The range of x that holds every point, and what is still to come."""
    ends = [(float(c.x[0]), float(c.x[len(c) - 1])) for c in curves if len(c)]
    ends = [(first, last) for first, last in ends if np.isfinite(first) and np.isfinite(last)]
    planned = view.planned_end
    if planned is not None and not np.isfinite(planned):
        planned = None
    if not ends:
        return 0.0, planned if planned and planned > 0 else 1.0
    first, last = min(e[0] for e in ends), max(e[1] for e in ends)
    if view.x_unit != "clock" and 0 <= first <= 0.2 * max(last, planned or 0.0):
        first = 0.0
    if planned is not None and planned >= last:
        last = planned
    elif view.is_growing:
        last = grown_end(first, last)
    if not first < last:
        half = 0.5 if view.x_unit in _WHOLE_UNITS else max(abs(first) * 1e-3, 0.5)
        return fit_range(first - half, last + half)
    return fit_range(first, last)


def _least_and_greatest(curves: Sequence[Curve], x_range: Range) -> Range:
    """Least and greatest value of all curves in sight; infinities the wrong way round if none."""
    low, high = np.inf, -np.inf
    for curve in curves:
        least, greatest = value_range(curve, x_range)
        low, high = np.fmin(low, least), np.fmax(high, greatest)
    return float(low), float(high)


def _typical(
    curves: Sequence[Curve], x_range: Range, low_all: float, high_all: float, *, is_asked: bool
) -> Range:
    """The range of nearly all columns if a few reach far beyond it, else that of all."""
    if not is_asked and any(
        _FLATTENED * _middle_span(curve, x_range) >= high_all - low_all for curve in curves
    ):
        return low_all, high_all
    lows, highs = [np.empty(0)], [np.empty(0)]
    for curve in curves:
        begin, end = visible(curve, x_range)
        edges = np.linspace(begin, end, min(end - begin, _TYPICAL_COLUMNS) + 1).astype(np.int64)
        low, high = curve.pyramid.min_max(edges)
        lows.append(low[np.isfinite(low)])
        highs.append(high[np.isfinite(high)])
    low, high = np.concatenate(lows), np.concatenate(highs)
    if len(low) < _LEAST_TYPICAL:
        return low_all, high_all
    least, greatest = np.quantile(low / 2, _RARE) * 2, np.quantile(high / 2, 1 - _RARE) * 2
    with np.errstate(over="ignore"):
        span = float(greatest - least)
        # Of a constant with spikes the spikes are all there is to see.
        is_flat = span <= 1e-9 * max(abs(greatest), abs(least))
        if is_flat or not (is_asked or high_all - low_all > _FLATTENED * span):
            return low_all, high_all
        return max(low_all, float(least) - span / 10), min(high_all, float(greatest) + span / 10)


def _middle_span(curve: Curve, x_range: Range) -> float:
    """How far the middle ones of some values are apart: a first look that costs next to nothing."""
    begin, end = visible(curve, x_range)
    values = curve.values[begin:end]
    some = np.sort(values[:: max(1, len(values) // _SAMPLED)])
    some = some[np.isfinite(some)]
    quarter = len(some) // 4
    return float(some[-1 - quarter] / 2 - some[quarter] / 2) * 2 if len(some) else 0.0


def _log_range(
    curves: Sequence[Curve], view: ChartView, x_range: Range, previous: Frame | None
) -> Range:
    if view.y_range and view.y_range[0] > 0:
        return fit_log_range(*view.y_range)
    low, high = np.inf, -np.inf
    for curve in curves:
        least, greatest = value_range(curve, x_range)
        if greatest > 0:
            low = min(low, least if least > 0 else _least_positive(curve))
            high = max(high, greatest)
    if not low <= high:
        return 1.0, 10.0
    y_range = round_log_range(low / view.y_scale, high / view.y_scale)
    y_range = y_range[0] * view.y_scale, y_range[1] * view.y_scale
    if previous and previous.log_y and view.is_growing:
        before = previous.y
        filled = np.log(high / low) >= 0.35 * np.log(before[1] / before[0])
        if before[0] <= low and high <= before[1] and filled:
            return before
    return y_range


def _least_positive(curve: Curve) -> float:
    """About the least positive value: the least of what is greatest in a thousand columns."""
    edges = np.linspace(0, len(curve), min(len(curve), 1000) + 1).astype(np.int64)
    _, greatest = curve.pyramid.min_max(edges)
    positive = greatest[greatest > 0]
    return float(positive.min()) if len(positive) else np.inf
