"""What it costs to redraw nine charts of a million points, in the engine and in a real app.

Each round draws the charts from their pyramids and, alternating with it in the same process, what
they are measured against: the same charts straight from their points, which is what the least and
greatest value of every column cost without a pyramid; and the same charts of a hundredth of the
points, which says whether the number of points matters. The app has 180 x 50 cells and Textual's
headless driver; a redraw there is drawing, composing, and writing the sequences for a terminal.

    python benchmarks/redraw.py --points 1000000 --rounds 60
"""

import argparse
import asyncio
import io
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import numpy as np
from rich.console import Console
from textual.app import App, ComposeResult
from textual.containers import Grid

from heimdall_console.charts.chart_view import ChartView
from heimdall_console.charts.curve_columns import Curve
from heimdall_console.charts.line_chart import draw_line_chart
from heimdall_console.charts.pyramid import Floats, PyramidView, Whole
from heimdall_console.partial_updates import send_changed_cells_only
from heimdall_console.theming import usable_theme
from heimdall_console.widgets.metric_chart import MetricChart

TO_REACH_MS = 16.0
CHARTS = 9
SIZE = (180, 50)
COLUMNS, ROWS = 58, 15


class RawView(PyramidView):
    """A series without levels: every column is found from the points themselves."""

    def extent(self, first: int, last: int) -> tuple[float, float]:
        """Least and greatest value."""
        values = self.values[first:last]
        return float(np.fmin.reduce(values)), float(np.fmax.reduce(values))

    def min_max(self, edges: Whole) -> tuple[Floats, Floats]:
        """Least and greatest of each column, as numpy's own reduction finds them."""
        values = self.values
        bounds = np.minimum(edges[:-1], len(values) - 1)
        return np.fmin.reduceat(values, bounds), np.fmax.reduceat(values, bounds)


def curves_of(points: int, *, is_raw: bool = False) -> list[list[Curve]]:
    """Nine charts of one curve each: noise around a decaying loss, with a few NaN."""
    random = np.random.default_rng(7)
    charts = []
    for number in range(CHARTS):
        values = 5 / (1 + np.arange(points) * 20 / points) + random.normal(size=points) * 0.1
        values[:: max(1, points // 10)] = np.nan
        view = PyramidView.of(values)
        if is_raw:
            view = RawView(view._rows, len(view), (), view.odd)
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


def timed_ms(what: Callable[[], object]) -> float:
    """How long a call takes."""
    began = time.perf_counter()
    what()
    return (time.perf_counter() - began) * 1000


class AppRedraw:
    """Redraws the charts of a running app and writes what a terminal would get."""

    def __init__(self, app: ChartsApp) -> None:
        self._app = app
        self._charts = list(app.query(MetricChart))
        self._console = Console(
            file=io.StringIO(), force_terminal=True, color_system="truecolor", width=SIZE[0]
        )
        self._turn = 0
        self.written = 0

    def __call__(self, charts: list[list[Curve]]) -> None:
        """Show charts whose every column has moved, and compose what that changes."""
        self._turn += 1
        length = len(charts[0][0])
        view = ChartView(x_range=(0, length * (1 - 0.01 * (self._turn % 7))))
        for chart, curves in zip(self._charts, charts, strict=True):
            chart.show(curves, replace(view))
        screen = self._app.screen
        compositor = screen._compositor
        compositor.update_widgets(set(self._charts))
        update = compositor.render_partial_update()
        if update is not None:
            self.written = len(update.render_segments(self._console).encode())


async def in_app(
    rounds: int, many: list[list[Curve]], few: list[list[Curve]]
) -> tuple[list[float], list[float], int]:
    """Milliseconds of redraws of many and of few points, alternating, and bytes of the last."""
    send_changed_cells_only()
    app = ChartsApp()
    many_ms, few_ms = [], []
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        redraw = AppRedraw(app)
        for number in range(rounds + 3):
            taken = timed_ms(lambda: redraw(many)), timed_ms(lambda: redraw(few))
            if number >= 3:
                many_ms.append(taken[0])
                few_ms.append(taken[1])
            await pilot.pause()
    return many_ms, few_ms, redraw.written


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    many, few = curves_of(options.points), curves_of(options.points // 100)
    raw = [
        [replace(c, pyramid=RawView(c.pyramid._rows, len(c), (), c.pyramid.odd)) for c in curves]
        for curves in many
    ]
    view = ChartView()
    taken: dict[str, list[float]] = {"pyramid": [], "few": [], "raw": []}
    for number in range(options.rounds + 3):
        for name, charts in (("pyramid", many), ("few", few), ("raw", raw)):
            took_ms = timed_ms(lambda charts=charts: draw_all(charts, view))  # type: ignore[misc]
            if number >= 3:
                taken[name].append(took_ms)
    app_many, app_few, written = asyncio.run(in_app(options.rounds, many, few))
    engine_ms, app_ms = median(taken["pyramid"]), median(app_many)
    verdict = "" if app_ms <= TO_REACH_MS else "  MISSED"
    print(f"redraw {CHARTS} charts of {options.points:,} points")
    print(f"  engine                           {engine_ms:7.2f} ms")
    print(f"    ÷ straight from the points     {engine_ms / median(taken['raw']):7.2f}")
    print(f"    ÷ a hundredth of the points    {engine_ms / median(taken['few']):7.2f}")
    print(
        f"  in an app of {SIZE[0]} x {SIZE[1]} cells      {app_ms:7.2f} ms   "
        f"to reach: {TO_REACH_MS:g} ms{verdict}"
    )
    print(f"    ÷ a hundredth of the points    {app_ms / median(app_few):7.2f}")
    print(f"    written when all has moved     {written / 1000:7.1f} kB")


if __name__ == "__main__":
    main()
