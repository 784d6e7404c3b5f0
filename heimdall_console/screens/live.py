"""The screen Live: the curves, the log and the hardware of a run, or of several."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from heimdall_console.actions.live import ACTIONS
from heimdall_console.alert_text import alert_id
from heimdall_console.charts.chart_header import FEW_POINTS
from heimdall_console.hardware_text import hardware_text
from heimdall_console.live_charts import (
    ChartContent,
    chart_content,
    chart_view,
    ghost_name,
    longest_places,
    ordered_metrics,
    run_names,
    time_at,
    x_at,
)
from heimdall_console.live_memory import load_choices
from heimdall_console.live_trends import TrendMemory
from heimdall_console.run_header_line import header_line
from heimdall_console.said_directions import said_directions
from heimdall_console.screens.live_watching import LiveWatching
from heimdall_console.sources.run import RunView
from heimdall_console.widgets.alert_banner import AlertBanner
from heimdall_console.widgets.charts_line import ChartsLine
from heimdall_console.widgets.hardware_panel import HardwarePanel
from heimdall_console.widgets.log_pane import LogPane, output_lines
from heimdall_console.widgets.metric_chart import MetricChart
from heimdall_console.widgets.metric_grid import MetricGrid
from heimdall_console.widgets.run_header import RunHeader
from heimdall_console.widgets.text_field import TextField

if TYPE_CHECKING:
    from textual.timer import Timer


_REDRAW_S: Final = 0.29
_WIDE: Final = 110
_HIGH: Final = 30


class LiveScreen(LiveWatching):
    """Everything about what is being trained, and about what was."""

    NAME = "live"
    AUTO_FOCUS = ""  # The first chart gets it, once there is one.
    ACTIONS = ACTIONS
    CSS_PATH = "live.tcss"
    ABOUT: ClassVar[str] = (
        "The curves of a run, its log and its hardware, all over one axis. The cursor is shared: "
        "moved in a chart it points at the log, moved in the log it points at the charts. A run "
        "that has ended is shown the same way, with its end and why. The arrow beside a chart's "
        f"value: how far it moved since the point before; of more than {FEW_POINTS} points, how far "
        "the mean of the last tenth of the curve lies from that of the tenth before."
    )

    def __init__(self) -> None:
        super().__init__()
        self._drawn_s = 0.0
        self._timer: Timer | None = None
        self._status_shown = ""
        self._has_hardware_words = False
        self._has_cursor = False
        self._trends = TrendMemory()

    # Made of.

    def compose_body(self) -> ComposeResult:
        """Header, alerts, charts and hardware, log."""
        load_choices(self, self.console_app.preferences)
        yield RunHeader(id="live-header")
        yield AlertBanner(id="live-alerts")
        yield Static(id="live-hardware-line", markup=False)
        with Horizontal(id="live-bar"):
            yield ChartsLine(id="live-charts-line")
            yield TextField(placeholder="loss -val | error", id="live-filter")
        with Horizontal(id="live-body"):
            yield MetricGrid(*self.grid_shape, id="live-grid")
            yield Static(id="live-no-charts", classes="empty", markup=False)
            yield HardwarePanel(id="live-hardware")
        with Vertical(id="live-log-part"):
            yield TextField(placeholder="find in the log", id="live-search")
            yield LogPane(id="live-log")
        yield Static(id="live-empty", classes="empty", markup=False)

    def on_mount(self) -> None:
        """Begin without a run."""
        self.arrange_parts()

    def on_resize(self) -> None:
        """Give every part its room."""
        self.arrange_parts()

    @property
    def grid(self) -> MetricGrid:
        """The charts."""
        return self.query_one("#live-grid", MetricGrid)

    @property
    def log_pane(self) -> LogPane:
        """The log."""
        return self.query_one("#live-log", LogPane)

    def on_shown(self) -> None:
        """Watch what is chosen; another screen may have asked for directions meanwhile."""
        self.choices.directions |= said_directions(self.console_app.preferences)
        super().on_shown()

    # Drawing.

    def draw_soon(self) -> None:
        """Draw what has changed, three times a second at most."""
        if self._timer is not None or not self.is_current:
            return
        left_s = self._drawn_s + _REDRAW_S - time.monotonic()
        if left_s <= 0.0:
            self.draw_all()
        else:
            self._timer = self.set_timer(left_s, self.draw_all)

    def draw_all(self) -> None:
        """Draw what has changed, now."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if not self.is_mounted:
            return
        self._drawn_s = time.monotonic()
        self._draw_header()
        self.draw_charts()
        self.draw_log()

    def _draw_header(self) -> None:
        views = self.views
        current = self.current
        by_id = {view.run_id: view for view in views}
        listed = [by_id[run_id] for run_id in self.console_app.selection.run_ids if run_id in by_id]
        styles = {view.run_id: f"series-{n % 8 + 1}" for n, view in enumerate(listed)}
        self.query_one("#live-header", RunHeader).show(
            [
                header_line(
                    view,
                    name,
                    style=styles[view.run_id],
                    is_current=view is current,
                    ascii_only=self.console_app.ascii_only,
                )
                for view, name in zip(listed, run_names(listed), strict=True)
            ]
        )
        living = current is not None and not current.status.has_ended
        alerts = list(current.history.progress.alerts.values()) if current else []
        self.query_one("#live-alerts", AlertBanner).show(
            [a for a in alerts if current and alert_id(current.run_id, a) not in self.read_alerts]
            if living
            else ()
        )
        status = f"{current.run_id} {current.status} {bool(alerts)}" if current else ""
        if status != self._status_shown:
            self._status_shown = status
            self.refresh_hints()

    def draw_charts(self) -> None:
        """Draw charts and hardware."""
        views = self.views
        names = ordered_metrics(views, self.choices)
        self._hint_at_cursor()
        self.grid.show(names, self._content)
        self._keep_focus()
        self._draw_bar(names)
        self._say_no_charts(names)
        current = self.current
        if current is None:
            return
        hardware = current.history.hardware
        gpus = hardware.gpus
        if self.shows_hardware:
            gpu = self.gpu if self.gpu in gpus else _worker_gpu(current)
            view = chart_view([current], self.choices)
            timeline = current.history.timeline
            panel = self.query_one("#live-hardware", HardwarePanel)
            panel.show(hardware, gpu, self.choices.x_unit, timeline, view)
        else:
            is_paused = current.status.value == "paused"
            text = hardware_text(hardware.last, self.size.width - 2, is_paused=is_paused)
            if bool(text) != self._has_hardware_words:
                self._has_hardware_words = bool(text)
                self.arrange_parts()
            line = self.query_one("#live-hardware-line", Static)
            line.update(Text(text, no_wrap=True, overflow="ellipsis"), layout=False)

    def _hint_at_cursor(self) -> None:
        """Say how the cursor goes away as long as there is one."""
        has_cursor = self.choices.cursor_x is not None
        if has_cursor != self._has_cursor:
            self._has_cursor = has_cursor
            self._arrange_hints()

    @on(events.DescendantBlur)
    def _keep_focus(self) -> None:
        """Give the focus to a chart where nothing has it, such as when the one that had it went."""
        if self.focused is None and self.app.app_focus and self.grid.charts:
            self.grid.charts[0].focus()

    def _say_no_charts(self, names: Sequence[str]) -> None:
        says = self.query_one("#live-no-charts", Static)
        if says.display == bool(names):
            says.display, self.grid.display = not names, bool(names)
        if not names:
            is_filtered = bool(self.choices.filter_text.strip())
            says.update(
                "No metric has such a name" if is_filtered else "No metrics yet", layout=False
            )

    def _content(self, name: str) -> ChartContent:
        app, chosen = self.console_app, self.console_app.selection.run_ids
        by_id = {view.run_id: view for view in self.views}
        views = [by_id[run_id] for run_id in chosen if run_id in by_id]
        first = views[0] if views else None
        series = first.history.metrics.get(name) if first is not None else None
        points = len(series) if series is not None else 0
        key = first.run_id if first is not None else "", name, self.choices.x_unit
        is_kept = first is not None and not first.status.has_ended
        trend = self._trends.kept(key, points, time.monotonic()) if is_kept else None
        made = chart_content(
            name, views, self.ghost, self.choices, trend=trend, ascii_only=app.ascii_only
        )
        # That of the first part of a long log is none of the run's.
        if trend is None and first is not None and first.is_loaded:
            self._trends.keep(key, points, made.header.trend, time.monotonic())
        return made

    def _draw_bar(self, names: Sequence[str]) -> None:
        choices = self.choices
        known = {name for view in self.views for name in view.history.metrics}
        has_ghost = self.ghost is not None and len(self.views) == 1
        behind = ghost_name(self.ghost, choices.x_unit) if self.ghost and has_ghost else ""
        is_filtered = bool(choices.filter_text.strip())
        self.query_one("#live-charts-line", ChartsLine).show_state(
            self.grid,
            x_unit=choices.x_unit,
            smoothing=self.smoothing,
            is_zoomed=choices.x_range is not None,
            behind=behind,
            filtered=f"{len(names)} of {len(known)} charts" if is_filtered else "",
        )

    def draw_log(self) -> None:
        """Draw the log, or what was printed."""
        current = self.current
        if current is None:
            return
        if self.shows_output:
            printed = self.output.get(current.run_id, ())
            if printed is not self._output_drawn:
                self._output_drawn = printed
                self.log_pane.show(output_lines(printed), "output")
        else:
            self._output_drawn = None
            self.log_pane.show(current.history.lines, "log")

    _output_drawn: tuple[str, ...] | None = None

    def arrange_parts(self) -> None:
        """Give every part its room in a terminal of this size."""
        if not (self.is_mounted and self.query("#live-empty")):
            return
        width, height = self.size
        fits = width >= _WIDE and height >= _HIGH // 2
        wants = fits if self.hardware_wish == "auto" else self.hardware_wish == "on"
        is_empty, is_full = self.is_empty, bool(self.grid.full_name)
        self.shows_hardware = wants and not is_full
        has_line = not (wants or is_full or is_empty) and self._has_hardware_words
        is_other = False
        for selector, is_shown in (
            ("#live-empty", is_empty),
            ("#live-header", not is_empty),
            ("#live-bar", not is_empty),
            ("#live-body", not is_empty),
            ("#live-log-part", not (is_empty or is_full)),
            ("#live-hardware", self.shows_hardware),
            ("#live-hardware-line", has_line),
        ):
            part = self.query_one(selector)
            if part.display != is_shown:
                part.display = is_shown
                is_other = True
        rows = max(4, min(12, height // 5 + (1 if height >= _HIGH else 0)))
        log_part = self.query_one("#live-log-part")
        if log_part.styles.height is None or log_part.styles.height.value != rows:
            log_part.styles.height = rows
            is_other = True
        if is_other:
            # What is drawn before the layout has its new sizes is drawn twice.
            self.call_after_refresh(self.draw_soon)

    @property
    def is_empty(self) -> bool:
        """Whether there is no run to watch."""
        return not self.console_app.selection.run_ids

    def show_empty(self) -> None:
        """Say that there is no run, where there is none."""
        if self.is_empty:
            text = (
                "Looking for runs…"
                if self.console_app.runs is None
                else "There are no runs yet\n\n2  set one up and launch it"
            )
            self.query_one("#live-empty", Static).update(Text(text))
        self.arrange_parts()

    # The shared cursor.

    @on(MetricChart.CursorMoved)
    def _move_cursor(self, event: MetricChart.CursorMoved) -> None:
        current, x = self.current, event.x
        places = longest_places(current) if current is not None else None
        if x is not None and current is not None and places is not None:
            # Where nothing has happened yet there is nothing to point at.
            x = min(x, float(places.x(self.choices.x_unit, current.history.timeline)[-1]))
        self.choices.cursor_x = x
        self.draw_charts()
        if x is None or current is None:
            self.log_pane.action_follow()
        elif not self.shows_output:
            self.log_pane.point_at_time(time_at(current, self.choices.x_unit, x))

    @on(LogPane.Pointed)
    def _follow_line(self, event: LogPane.Pointed) -> None:
        current, x = self.current, None
        if event.line is not None and event.line.time_s is None:
            return
        if event.line is not None and event.line.time_s is not None and current is not None:
            places = longest_places(current)
            if places is not None:
                timeline, unit = current.history.timeline, self.choices.x_unit
                x = x_at(places, timeline, unit, event.line.time_s)
        self.choices.cursor_x = x
        self.draw_charts()

    @on(AlertBanner.Pressed)
    def _read_alerts(self) -> None:
        self.action_alerts()

    @on(MetricChart.Zoomed)
    def _zoom(self, event: MetricChart.Zoomed) -> None:
        self.choices.x_range = event.range
        self.draw_charts()

    @on(MetricChart.Selected)
    def _open_chart(self, event: MetricChart.Selected) -> None:
        if self.grid.name_of(event.chart):
            self.action_full_chart()

    @on(MetricGrid.PageChanged)
    def _show_page(self) -> None:
        self._draw_bar(ordered_metrics(self.views, self.choices))

    @on(LogPane.SearchWanted)
    def _begin_search(self) -> None:
        self.action_search_log()

    @on(LogPane.Opened)
    def _show_line(self, event: LogPane.Opened) -> None:
        from heimdall_console.screens.dialogs.text_page import TextPage

        self.app.push_screen(TextPage("A line of the log", event.text))

    # Text fields.

    @on(Input.Changed, "#live-filter")
    def _filter(self, event: Input.Changed) -> None:
        self.choices.filter_text = event.value
        self.grid.page = 0
        self.draw_charts()

    @on(Input.Changed, "#live-search")
    def _search(self, event: Input.Changed) -> None:
        self.log_pane.search(event.value)

    @on(Input.Submitted)
    def _leave_field(self) -> None:
        self.leave_text_field()


def _worker_gpu(view: RunView) -> int | None:
    """The GPU that a run holds memory of, else the first one."""
    hardware = view.history.hardware
    for name in ("allocated_bytes", "worker_bytes"):
        for gpu in hardware.gpus:
            if hardware.latest(f"gpu{gpu}/{name}"):
                return gpu
    return hardware.gpus[0] if hardware.gpus else None
