"""Chart widgets draw when something changed, and say what is pointed at."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from textual import on
from textual.app import App, ComposeResult
from textual.containers import Grid

from heimdall_console.charts.chart_header import Header
from heimdall_console.charts.chart_view import ChartView
from heimdall_console.charts.curve_columns import Curve
from heimdall_console.charts.memory_bars import MemoryFigures
from heimdall_console.charts.position_map import MapPoints
from heimdall_console.formatting import GIB
from heimdall_console.theming import usable_theme
from heimdall_console.widgets.distribution_chart import DistributionChart
from heimdall_console.widgets.map_view import MapView
from heimdall_console.widgets.memory_chart import MemoryChart
from heimdall_console.widgets.metric_chart import MetricChart

if TYPE_CHECKING:
    from textual.geometry import Region


class ChartsApp(App[None]):
    CSS = "Grid { grid-size: 2 2; }"

    def __init__(self, *, ascii_only: bool = False) -> None:
        super().__init__()
        self.ascii_only = ascii_only
        self.said: list[object] = []
        for name in ("", "heimdall-light"):
            theme, _ = usable_theme(name)
            self.register_theme(theme)
        self.theme = "heimdall-dark"

    def compose(self) -> ComposeResult:
        with Grid():
            yield MetricChart("train/loss")
            yield MemoryChart("gpu 0 memory")
            yield DistributionChart("located within")
            yield MapView("test sessions")

    @on(MetricChart.CursorMoved)
    @on(MetricChart.Zoomed)
    @on(MetricChart.Selected)
    @on(MapView.SessionChosen)
    def keep(self, event: object) -> None:
        self.said.append(event)
        chart = self.query_one(MetricChart)
        if isinstance(event, MetricChart.CursorMoved):
            chart.show(chart.curves, replace(chart.view, cursor_x=event.x))
        if isinstance(event, MetricChart.Zoomed):
            chart.show(chart.curves, replace(chart.view, x_range=event.range))

    def fill(self) -> None:
        x = np.arange(200)
        loss = Curve.of("train/loss", x, 5.0 / (1 + x))
        self.query_one(MetricChart).show([loss], ChartView(is_growing=True, planned_end=400))
        figures = MemoryFigures(3 * GIB, 4 * GIB, 5 * GIB, None, 8 * GIB)
        self.query_one(MemoryChart).show_memory(
            figures, [Curve.of("allocated", x, np.full(200, 3 * GIB))], ChartView(x_unit="time")
        )
        self.query_one(DistributionChart).show_errors({"network": [5.0, 20.0, 60.0]})
        positions = np.array([[0.0, 0.0], [900.0, 800.0]])
        self.query_one(MapView).show(MapPoints(truths=positions, estimates=positions + 30))


def screen_text(app: App[None]) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text for strip in strips)


def cursor_of(chart: MetricChart) -> float:
    return -1 if chart.view.cursor_x is None else chart.view.cursor_x


async def test_charts_draw_what_changed_and_nothing_else() -> None:
    app = ChartsApp()
    async with app.run_test(size=(120, 40)) as pilot:
        app.fill()
        await pilot.pause()
        drawn = screen_text(app)
        for expected in ("train/loss", "0.025", "gpu 0 memory", "4.0 GiB", "n/a", "▼", "200 m"):
            assert expected in drawn
        chart = app.query_one(MetricChart)
        asked: list[Region] = []
        chart.refresh = lambda *regions, **_: asked.extend(regions) or chart  # type: ignore[method-assign,func-returns-value]
        before = [chart.render_line(y) for y in range(chart.size.height)]
        chart.show(chart.curves, chart.view)
        assert asked == []
        x = np.arange(201)
        grown = Curve.of("train/loss", x, np.append(chart.curves[0].values, 0.024))
        chart.show([grown], chart.view)
        assert 0 < sum(region.area for region in asked) < 40
        after = [chart.render_line(y) for y in range(chart.size.height)]
        changed = {region.y for region in asked}
        for y, (old, new) in enumerate(zip(before, after, strict=True)):
            assert (old is new) == (y not in changed)
        del chart.refresh
        colors = {segment.style.color for strip in after for segment in strip if segment.style}
        app.theme = "heimdall-light"
        await pilot.pause()
        light = {
            segment.style.color
            for y in range(chart.size.height)
            for segment in chart.render_line(y)
            if segment.style
        }
        assert not colors & light


async def test_charts_say_what_is_pointed_at() -> None:
    app = ChartsApp()
    async with app.run_test(size=(120, 40)) as pilot:
        app.fill()
        chart = app.query_one(MetricChart)
        await pilot.click(MetricChart, offset=(30, 8))
        assert chart.has_focus
        first = cursor_of(chart)
        assert first > 0
        assert "step" in screen_text(app)
        await pilot.hover(MetricChart, offset=(40, 8))
        assert cursor_of(chart) > first
        await pilot.press("left", "left")
        await pilot.click(MetricChart, offset=(40, 8))
        assert cursor_of(chart) == -1
        await pilot.press("plus", "plus")
        assert chart.frame is not None
        low, high = chart.frame.x
        assert 0 < low < high < 400
        await pilot.press("shift+right", "shift+right", "shift+right", "shift+right")
        # A range stays within what there is.
        assert chart.frame.x[1] <= 400
        moved = chart.frame.x
        await pilot.mouse_down(MetricChart, offset=(20, 8))
        await pilot.hover(MetricChart, offset=(30, 8))
        await pilot.mouse_up(MetricChart, offset=(30, 8))
        assert chart.frame.x[0] < moved[0]
        await pilot.press("0")
        assert chart.view.x_range is None
        await pilot.press("enter")
        assert isinstance(app.said[-1], MetricChart.Selected)

        spread = app.query_one(DistributionChart)
        said = len(app.said)
        await pilot.click(DistributionChart, offset=(30, 8))
        assert spread.view.cursor_x is not None
        assert len(app.said) == said

        sessions = app.query_one(MapView)
        sessions.focus()
        await pilot.press("j", "j")
        assert sessions.viewport.chosen == 1
        assert "42.4 m off" in screen_text(app)
        await pilot.press("plus", "up", "left")
        assert str(sessions.viewport.center).startswith("(")
        await pilot.press("0")
        assert str(sessions.viewport.center) == "None"
        await pilot.click(MapView, offset=(10, 16))
        assert sessions.viewport.chosen == 0


async def test_a_chart_shows_at_once_whether_it_has_the_focus() -> None:
    app = ChartsApp()
    async with app.run_test(size=(120, 40)) as pilot:
        app.fill()
        chart = app.query_one(MetricChart)
        app.query_one(MapView).focus()
        await pilot.pause()
        for key, rule in (("tab", "━"), ("shift+tab", "─")):
            await pilot.press(key)
            assert chart.has_focus == (rule == "━")
            assert chart.picture is not None
            assert chart.picture.lines()[0].startswith(rule)


async def test_another_metric_in_a_chart_gets_axes_of_its_own() -> None:
    app = ChartsApp()
    async with app.run_test(size=(100, 40)) as pilot:
        chart = app.query_one(MetricChart)
        view = ChartView(is_growing=True)
        x = np.arange(50)
        chart.show([Curve.of("a", x, x + 900.0)], view, header=Header("a"))
        await pilot.pause()
        assert chart.frame is not None
        before = chart.frame.y
        chart.show([Curve.of("b", x, x + 500.0)], view, header=Header("b"))
        assert chart.frame.y[1] < before[1]
        fresh = chart.frame.y
        chart.show([Curve.of("b", x, x + 499.5)], view, header=Header("b"))
        assert chart.frame.y[1] == fresh[1]  # of the same metric they stay while they hold


async def test_without_unicode_charts_are_ascii_at_any_size() -> None:
    app = ChartsApp(ascii_only=True)
    async with app.run_test(size=(80, 24)) as pilot:
        app.fill()
        await pilot.pause()
        assert screen_text(app).isascii()
        for size in ((20, 8), (60, 20), (4, 2), (200, 60)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert screen_text(app).isascii()
