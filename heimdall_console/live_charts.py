"""Which charts the screen Live shows, in which order, and what is in each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from heimdall_console.charts.chart_header import Header, trend_text
from heimdall_console.charts.chart_view import ChartView
from heimdall_console.charts.curve_columns import Curve
from heimdall_console.formatting import metric, plain
from heimdall_console.run_places import Places, Timeline, XUnit

if TYPE_CHECKING:
    from heimdall_console.charts.pyramid import Floats, Whole
    from heimdall_console.charts.ranges import Range
    from heimdall_console.run_history import SeriesView
    from heimdall_console.sources.run import RunView

SMOOTHINGS: Final = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.995)
"""What can be chosen."""
_GROUPS: Final = ("train", "val", "", "test")
"""Prefixes in their order; others stand before the last one."""
_COLORS: Final = 8


@dataclass
class LiveChoices:
    """What a person chose."""

    x_unit: XUnit = "step"
    x_range: "Range | None" = None
    """Zoomed to; None for all."""
    fits_data: bool = False
    """Whether the x axis ends where the runs are, not where they will."""
    cursor_x: float | None = None
    log_metrics: set[str] = field(default_factory=set)
    """Metrics with a logarithmic y axis."""
    pins: list[str] = field(default_factory=list)
    """Metrics that come first."""
    filter_text: str = ""
    directions: dict[str, str] = field(default_factory=dict)
    """Metric → `min` or `max`, where it is known; a chart of any other one names no best."""


@dataclass(frozen=True)
class ChartContent:
    """One chart."""

    curves: tuple[Curve, ...]
    view: ChartView
    header: Header


def group_of(name: str) -> str:
    """What stands before the first slash."""
    return name.partition("/")[0] if "/" in name else ""


def is_wanted(name: str, filter_text: str) -> bool:
    """Whether a name holds every word of one of the alternatives, and none with a minus."""
    lowered = name.lower()
    return any(
        all(
            (word[1:] not in lowered) if word.startswith("-") and word[1:] else word in lowered
            for word in part.split()
        )
        for part in filter_text.lower().split("|")
    )


def ordered_metrics(views: Sequence["RunView"], choices: LiveChoices) -> list[str]:
    """Names of the metrics to show: pinned, what ranks checkpoints, then by their groups."""
    names = dict.fromkeys(name for view in views for name in view.history.metrics)
    known = {name: place for place, name in enumerate(names)}
    monitors = {view.monitor for view in views}

    def rank(name: str) -> tuple[int, int, int]:
        if name in choices.pins:
            return 0, choices.pins.index(name), 0
        if name in monitors:
            return 1, 0, 0
        if name == "train/loss":
            return 2, 0, 0
        group = group_of(name)
        place = _GROUPS.index(group) if group in _GROUPS else 2.5
        return 3, int(2 * place), known[name]

    return sorted((n for n in known if is_wanted(n, choices.filter_text)), key=rank)


def chart_content(
    name: str,
    views: Sequence["RunView"],
    ghost: "RunView | None",
    choices: LiveChoices,
    *,
    trend: str | None = None,
    ascii_only: bool = False,
) -> ChartContent:
    """The chart of one metric.

    Args:
        name: The metric.
        views: Runs, the one that matters first.
        ghost: Run to show behind a single one.
        choices: How to show it.
        trend: What stands beside the last value; found anew when None.
        ascii_only: Whether only ASCII characters may be used.
    """
    curves: list[Curve] = []
    names = run_names(views)
    # Shares are told in percent.
    scale = 0.01 if metric(name, 0.5).endswith("%") else 1.0
    for place, view in enumerate(views):
        series = view.history.metrics.get(name)
        if series is not None:
            style = f"series-{place % _COLORS + 1}"
            own = _curves(series, view, choices.x_unit, names[place], style, len(views) == 1)
            # Its number among the runs above, also in charts that not every run has.
            curves += [replace(curve, label=str(place + 1)) for curve in own]
    if ghost is not None and len(views) == 1 and name in ghost.history.metrics:
        curves += _ghost_curves(ghost.history.metrics[name], ghost, views[0], choices.x_unit)
    value = ""
    if len(views) == 1 and (series := views[0].history.metrics.get(name)) is not None:
        shown = series.latest
        value = metric(name, shown) if shown is not None else ""
        if trend is None and curves:
            # Of what was measured, as the value beside it.
            measured = next((curve for curve in curves if curve.kind == "raw"), curves[0])
            trend = trend_text(measured, scale, ascii_only=ascii_only)
    if ascii_only:
        value = value.replace("∞", "inf")
    best = _best(name, views, choices)
    axes = chart_view(views, choices, log_y=name in choices.log_metrics, best=best)
    header = Header(plain(name), value, trend or "")
    legend = "marks" if len(views) > 1 else "auto"
    axes = replace(axes, y_scale=scale, legend=legend)
    return ChartContent(tuple(curves), axes, header)


def chart_view(
    views: Sequence["RunView"],
    choices: LiveChoices,
    *,
    log_y: bool = False,
    best: tuple[float, float] | None = None,
) -> ChartView:
    """The axes that every chart of the screen shares."""
    growing = [view for view in views if not view.status.has_ended]
    planned: list[float] = []
    for view in growing if not choices.fits_data else ():
        progress = view.history.progress
        end = {"step": progress.total_steps, "epoch": progress.epochs}.get(choices.x_unit)
        planned += [float(end)] if end else []
    return ChartView(
        x_range=choices.x_range,
        log_y=log_y,
        x_unit=choices.x_unit,
        planned_end=max(planned, default=None),
        is_growing=bool(growing),
        cursor_x=choices.cursor_x,
        best=best,
    )


def run_names(views: Iterable["RunView"]) -> list[str]:
    """Whole names of runs; those that are not unique with their ids."""
    listed = list(views)
    names = [view.name for view in listed]
    return [
        plain(view.name if names.count(view.name) == 1 else f"{view.name} {view.run_id}")
        for view in listed
    ]


def ghost_name(ghost: "RunView", unit: XUnit) -> str:
    """The name of the run behind; with the clock, that it is shown from the start of this one."""
    return f"{plain(ghost.name)}{' from its start' if unit == 'clock' else ''}"


def x_at(places: Places, timeline: Timeline, unit: XUnit, time_s: float) -> float | None:
    """The place of the point recorded next to a time."""
    position = places.nearest(time_s)
    return None if position is None else float(places.x(unit, timeline)[position])


def time_at(view: "RunView", unit: XUnit, x: float) -> float | None:
    """When a run was at a place of the x axis, seconds since 1970."""
    if unit == "clock":
        return x
    if unit == "time":
        return x + view.history.timeline.started_s
    places = longest_places(view)
    if places is None:
        return None
    along = places.x(unit, view.history.timeline)
    position = min(int(along.searchsorted(x)), len(places) - 1)
    return float(places.x("clock", view.history.timeline)[position])


def longest_places(view: "RunView") -> Places | None:
    """Where a run was, as closely as its log says it."""
    known: Mapping[str, SeriesView] = view.history.metrics
    candidates = [series.places for series in known.values() if len(series)]
    candidates += [view.history.hardware.places] if len(view.history.hardware.places) else []
    return max(candidates, key=len, default=None)


def _curves(
    series: "SeriesView", view: "RunView", unit: XUnit, name: str, style: str, is_alone: bool
) -> list[Curve]:
    x = series.places.x(unit, view.history.timeline)
    if series.smoothed is None:
        return [Curve(name, x, series.pyramid, style)]
    curves = [Curve(name, x, series.smoothed, style)]
    if is_alone:
        curves.append(Curve(name, x, series.pyramid, style, "raw"))
    return curves


def _ghost_curves(
    series: "SeriesView", ghost: "RunView", own: "RunView", unit: XUnit
) -> list[Curve]:
    timeline = ghost.history.timeline
    if unit == "clock":
        # Beside a run of another day only what passed since the start can be compared.
        elapsed_s = series.places.x("time", timeline).astype(np.float64)
        x: Floats | Whole = elapsed_s + own.history.timeline.started_s
    else:
        x = series.places.x(unit, timeline)
    name = ghost_name(ghost, unit)
    return [Curve(name, x, series.smoothed or series.pyramid, "series-2", "ghost")]


def _best(
    name: str, views: Sequence["RunView"], choices: LiveChoices
) -> tuple[float, float] | None:
    """Place and value of a single run's best point, where it is known which way is better."""
    if len(views) != 1 or name not in views[0].history.metrics:
        return None
    view = views[0]
    mode = view.mode if name == view.monitor else choices.directions.get(name)
    series = view.history.metrics[name]
    position = series.best(mode) if mode else None
    if position is None:
        return None
    x = series.places.x(choices.x_unit, view.history.timeline)
    return float(x[position]), float(series.pyramid.values[position])
