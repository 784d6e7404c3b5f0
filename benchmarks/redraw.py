"""What it costs to redraw nine charts of a million points, in the engine and in a real app.

Each round draws the charts from their pyramids and, in turn with it in the same process, what they
are measured against: the same charts straight from their points, which is what the least and
greatest value of every column cost without a pyramid, and the same charts of a hundredth of the
points, which says whether the number of points matters. The app has 180 x 50 cells and Textual's
headless driver; a redraw there is drawing, composing, and making the sequences for a terminal:
once with another range, so that every column moves, once with points added at the end.

    python benchmarks/redraw.py --points 1000000 --rounds 60
"""

import argparse
import asyncio
import io
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from statistics import median
from typing import TypeVar

import numpy as np
from rich.console import Console
from textual.app import App, ComposeResult
from textual.containers import Grid

from heimdall_console.charts.chart_view import ChartView
from heimdall_console.charts.curve_columns import Curve
from heimdall_console.charts.line_chart import draw_line_chart
from heimdall_console.charts.pyramid import Floats, Pyramid, PyramidView, Whole
from heimdall_console.partial_updates import send_changed_cells_only
from heimdall_console.theming import usable_theme
from heimdall_console.widgets.metric_chart import MetricChart

Given = TypeVar("Given")

TO_REACH_MS = 16.0
WARM_UP = 3
ADDED = 12  # 50 a second, drawn four times a second
CHARTS = 9
SIZE = (180, 50)
COLUMNS, ROWS = 58, 15


class RawView(PyramidView):
    """A series without levels: every column is found from the points themselves."""

    @classmethod
    def of_view(cls, view: PyramidView) -> "RawView":
        """The same values, without what was prepared."""
        return cls(view._rows, len(view), (), view.odd)

    def extent(self, first: int, last: int) -> tuple[float, float]:
        """Least and greatest value."""
        values = self.values[first:last]
        return float(np.fmin.reduce(values)), float(np.fmax.reduce(values))

    def min_max(self, edges: Whole) -> tuple[Floats, Floats]:
        """Least and greatest of each column, as numpy's own reduction finds them."""
        values = self.values
        bounds = np.minimum(edges[:-1], len(values) - 1)
        return np.fmin.reduceat(values, bounds), np.fmax.reduceat(values, bounds)


def curves_of(points: int) -> list[list[Curve]]:
    """Nine charts of one curve each: noise around a decaying loss, with a few NaN."""
    random = np.random.default_rng(7)
    charts = []
    for number in range(CHARTS):
        values = 5 / (1 + np.arange(points) * 20 / points) + random.normal(size=points) * 0.1
        values[:: max(1, points // 10)] = np.nan
        view = PyramidView.of(values)
        style = f"series-{number % 8 + 1}"
        charts.append([Curve(f"metric-{number}", np.arange(points), view, style)])
    return charts


class ChartsApp(App[None]):
    """Nine charts in three columns."""

    CSS = "Grid { grid-size: 3 3; grid-gutter: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        theme, _ = usable_theme("")
        self.register_theme(theme)
        self.theme = theme.name

    def compose(self) -> ComposeResult:
        """The grid."""
        with Grid():
            for number in range(CHARTS):
                yield MetricChart(f"metric-{number}")


def draw_all(charts: list[list[Curve]], view: ChartView) -> None:
    """Draw every chart."""
    for curves in charts:
        draw_line_chart(curves, view, COLUMNS, ROWS)


def timed_ms(what: Callable[[], Given]) -> tuple[float, Given]:
    """How long a call takes, and what it gives."""
    began = time.perf_counter()
    given = what()
    return (time.perf_counter() - began) * 1000, given


@dataclass
class InApp:
    """What redraws in an app took, and what they would have sent."""

    moved_ms: list[float] = field(default_factory=list)
    few_ms: list[float] = field(default_factory=list)
    grown_ms: list[float] = field(default_factory=list)
    moved_bytes: list[int] = field(default_factory=list)
    grown_bytes: list[int] = field(default_factory=list)


class AppRedraw:
    """Redraws the charts of a running app and makes what a terminal would get."""

    def __init__(self, app: ChartsApp) -> None:
        self._app = app
        self._charts = list(app.query(MetricChart))
        self._console = Console(
            file=io.StringIO(), force_terminal=True, color_system="truecolor", width=SIZE[0]
        )
        self._turn = 0

    def move(self, charts: list[list[Curve]]) -> int:
        """Show another range, so that every column moves; give the bytes to be sent."""
        self._turn += 1
        length = len(charts[0][0])
        view = ChartView(x_range=(0, length * (1 - 0.01 * (self._turn % 7))))
        for chart, curves in zip(self._charts, charts, strict=True):
            chart.show(curves, view)
        return self._send()

    def grow(self, runs: list[Pyramid], x: Whole) -> int:
        """Add some points to every series and show them; give the bytes to be sent."""
        for number, (chart, pyramid) in enumerate(zip(self._charts, runs, strict=True)):
            pyramid.extend(np.full(ADDED, 0.3 + 0.1 * (len(pyramid) // ADDED % 3)))
            curve = Curve("", x[: len(pyramid)], pyramid.view(), f"series-{number % 8 + 1}")
            chart.show([curve], ChartView(is_growing=True, planned_end=len(x)))
        return self._send()

    def _send(self) -> int:
        compositor = self._app.screen._compositor
        compositor.update_widgets(set(self._charts))
        update = compositor.render_partial_update()
        return len(update.render_segments(self._console).encode()) if update else 0


async def in_app(rounds: int, many: list[list[Curve]], few: list[list[Curve]]) -> InApp:
    """Redraw many and few points and growing series, in turn."""
    send_changed_cells_only()
    app = ChartsApp()
    found = InApp()
    pyramids = []
    for curves in many:
        pyramids.append(Pyramid())
        pyramids[-1].extend(curves[0].values)
    x = np.arange(len(many[0][0]) * 2)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        redraw = AppRedraw(app)
        for number in range(rounds + WARM_UP):
            moved_ms, moved_bytes = timed_ms(lambda: redraw.move(many))
            few_ms, _ = timed_ms(lambda: redraw.move(few))
            redraw.grow(pyramids, x)
            grown_ms, grown_bytes = timed_ms(lambda: redraw.grow(pyramids, x))
            if number >= WARM_UP:
                found.moved_ms.append(moved_ms)
                found.few_ms.append(few_ms)
                found.grown_ms.append(grown_ms)
                found.moved_bytes.append(moved_bytes)
                found.grown_bytes.append(grown_bytes)
            await pilot.pause()
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    many, few = curves_of(options.points), curves_of(options.points // 100)
    raw = [[replace(c, pyramid=RawView.of_view(c.pyramid)) for c in curves] for curves in many]
    view = ChartView()
    taken: dict[str, list[float]] = {"pyramid": [], "few": [], "raw": []}
    for number in range(options.rounds + WARM_UP):
        for name, charts in (("pyramid", many), ("few", few), ("raw", raw)):
            took_ms, _ = timed_ms(lambda charts=charts: draw_all(charts, view))  # type: ignore[misc]
            if number >= WARM_UP:
                taken[name].append(took_ms)
    app = asyncio.run(in_app(options.rounds, many, few))
    engine_ms, moved_ms = median(taken["pyramid"]), median(app.moved_ms)
    verdict = "" if moved_ms <= TO_REACH_MS else "  MISSED"
    print(f"redraw {CHARTS} charts of {options.points:,} points")
    print(f"  engine                            {engine_ms:7.2f} ms")
    print(f"    ÷ straight from the points      {engine_ms / median(taken['raw']):7.2f}")
    print(f"    ÷ a hundredth of the points     {engine_ms / median(taken['few']):7.2f}")
    print(
        f"  in an app of {SIZE[0]} x {SIZE[1]}, all moved   {moved_ms:7.2f} ms"
        f"   to reach: {TO_REACH_MS:g} ms{verdict}"
    )
    print(f"    ÷ a hundredth of the points     {moved_ms / median(app.few_ms):7.2f}")
    print(f"    to the terminal                 {median(app.moved_bytes) / 1000:7.1f} kB")
    print(f"  the same, {ADDED} points added          {median(app.grown_ms):7.2f} ms")
    print(f"    to the terminal                 {median(app.grown_bytes) / 1000:7.1f} kB")


if __name__ == "__main__":
    main()
