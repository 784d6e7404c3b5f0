"""Runs side by side: their curves over one another, best values, and what differs."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import DataTable, Static

from heimdall_console.actions.compare import ACTIONS
from heimdall_console.charts.chart_header import Header
from heimdall_console.charts.chart_view import ChartView
from heimdall_console.charts.curve_columns import Curve
from heimdall_console.formatting import metric, plain, shortened
from heimdall_console.run_columns import state_text
from heimdall_console.run_differences import compared_metrics, compared_params
from heimdall_console.run_figures import Figures
from heimdall_console.said_directions import said_directions
from heimdall_console.screens.base import BaseScreen
from heimdall_console.screens.metric_direction import ask_direction
from heimdall_console.sources.histories import MetricHistory, read_histories
from heimdall_console.widgets.metric_chart import MetricChart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heimdall_console.run_index import RunSummary
    from heimdall_console.run_list import RunList
    from heimdall_console.run_rows import RunRow

_MOST_RUNS: Final = 24
_AGAIN_S: Final = 5.0
_SERIES: Final = 8
_WIDEST_VALUE: Final = 28
_MOST_JUDGED: Final = 2


class CompareScreen(BaseScreen):
    """Compares runs; escape goes back to the list.

    Args:
        rows: The runs.
        runs: The list that they are from: directions and figures that are known.
    """

    NAME = "runs"
    ACTIONS = ACTIONS
    ABOUT: ClassVar[str] = (
        "The marked runs side by side. A star stands at the best value of each metric whose "
        "direction is known; of any other one B asks for it. Parameters that are the same in all "
        "runs are left out."
    )
    DEFAULT_CSS = """
    CompareScreen {
        & #compare-title { height: 1; padding: 0 1; background: $surface; text-style: bold; }
        & #compare-chart { height: 1fr; min-height: 7; }
        & #compare-table {
            height: 1fr; scrollbar-size: 1 1; background: $background;
            & > .datatable--cursor { background: $panel; color: $foreground; }
            & > .datatable--fixed { background: $background; color: $muted; }
        }
    }
    """

    def __init__(self, rows: "Sequence[RunRow]", runs: "RunList") -> None:
        super().__init__()
        self.rows = list(rows)[:_MOST_RUNS]
        self._left_out = len(rows) - len(self.rows)
        self._runs = runs
        self._histories: dict[str, dict[str, MetricHistory]] = {}
        self._metrics: list[str] = []
        self._metric = runs.context.metric
        self._view = ChartView(legend="auto")
        self._by_time = False
        self._only_differences = True
        self._failed: set[str] = set()
        self._read_s: dict[str, float] = {}

    def compose_body(self) -> ComposeResult:
        """What is compared, the curves, the table."""
        yield Static(id="compare-title", markup=False)
        with Vertical():
            yield MetricChart(id="compare-chart")
            yield DataTable(id="compare-table", fixed_columns=1, cursor_type="row")

    def on_mount(self) -> None:
        """Begin to read the curves, each run by itself."""
        for row in self.rows:
            self._read(row)
        self._fill_table()
        self._show_title()
        self.query_one("#compare-table").focus()

    def _read(self, row: "RunRow") -> None:
        reader = self.console_app.tracking
        self._read_s[row.key] = time.monotonic()
        self.run_in_thread(
            lambda: read_histories(row, None, reader),
            lambda found: self._take(row, found),
            on_error=lambda error: self._tell_failure(row, error),
            group=row.key,
            exclusive=True,
        )

    def runs_changed(self, runs: "Sequence[RunSummary]") -> None:
        """Read the curves of runs that live again."""
        now_s = time.monotonic()
        for place, row in enumerate(self.rows):
            newest = self._runs.rows.rows.get(row.key, row)
            if newest is not row and now_s - self._read_s.get(row.key, 0.0) > _AGAIN_S:
                self.rows[place] = newest
                self._read(newest)

    def _take(self, row: "RunRow", found: dict[str, MetricHistory]) -> None:
        self._histories[row.key] = found
        self._failed.discard(row.key)
        for name, history in found.items():
            figures = _figures(history)
            if not self._runs.figures.is_current(row, name):
                self._runs.figures.put(row, name, figures)
        shared = [set(self._histories[key]) for key in self._histories]
        known = {name for names in shared for name in names if not name.startswith("system/")}
        common = set.intersection(*shared) if shared else set()
        judged = [name for name in self._runs.metric_names() if name in known]
        self._metrics = sorted(
            dict.fromkeys([*judged, *sorted(known)]), key=lambda name: name not in common
        )
        if self._metric not in known and self._metrics:
            self._metric = self._metrics[0]
        self._show_title()
        self._draw()
        self._fill_table()

    def _tell_failure(self, row: "RunRow", error: Exception) -> None:
        self._failed.add(row.key)
        self.console_app.remember_error(error)
        self._show_title()

    def _show_title(self) -> None:
        parts = [f"{len(self.rows)} runs compared"]
        if self._left_out:
            parts.append(f"{self._left_out} more are left out")
        known = self._histories.keys() | self._failed
        waiting = sum(row.key not in known for row in self.rows)
        if waiting:
            parts.append(f"reading the curves of {waiting}")
        if self._failed:
            parts.append("some curves could not be read; ! shows why")
        self.query_one("#compare-title", Static).update("   ".join(parts))

    # The curves.

    def _draw(self) -> None:
        curves = []
        for place, row in enumerate(self.rows):
            history = self._histories.get(row.key, {}).get(self._metric)
            if history is None or not len(history.values):
                continue
            x = history.elapsed_s if self._by_time else history.steps
            style = f"series-{place % _SERIES + 1}"
            name = plain(row.name) or row.key
            curves.append(Curve.of(name, x, history.values, style, label=_mark(place)))
        place_text = ""
        if self._metric in self._metrics:
            place_text = f"{self._metrics.index(self._metric) + 1} of {len(self._metrics)}"
        view = replace(self._view, x_unit="time" if self._by_time else "step")
        self.query_one(MetricChart).show(
            curves, view, header=Header(plain(self._metric) or "no metric", place_text)
        )

    @on(MetricChart.CursorMoved)
    def _move_cursor(self, event: MetricChart.CursorMoved) -> None:
        self._view = replace(self._view, cursor_x=event.x)
        self._draw()

    @on(MetricChart.Zoomed)
    def _zoom(self, event: MetricChart.Zoomed) -> None:
        self._view = replace(self._view, x_range=event.range)
        self._draw()

    def action_choose_metric(self) -> None:
        """Choose the metric."""
        from heimdall_console.screens.dialogs.choice_picker import ChoicePicker

        def take(name: str | None) -> None:
            if name:
                self._metric = name
                self._draw()

        choices = [(name, self._coverage(name)) for name in self._metrics]
        self.app.push_screen(ChoicePicker("Metric", choices, self._metric), take)

    def _coverage(self, name: str) -> str:
        have = sum(name in found for found in self._histories.values())
        return "" if have == len(self.rows) else f"{have} of {len(self.rows)} runs"

    def action_next_metric(self) -> None:
        """Show the next metric."""
        self._step_metric(1)

    def action_previous_metric(self) -> None:
        """Show the metric before."""
        self._step_metric(-1)

    def _step_metric(self, by: int) -> None:
        if self._metrics:
            known = self._metric in self._metrics
            place = self._metrics.index(self._metric) + by if known else 0
            self._metric = self._metrics[place % len(self._metrics)]
            self._draw()

    def action_toggle_axis(self) -> None:
        """Draw over steps or over time."""
        self._by_time = not self._by_time
        self._view = replace(self._view, x_range=None, cursor_x=None)
        self._draw()

    def action_toggle_log(self) -> None:
        """Draw on a logarithmic axis or on a plain one."""
        self._view = replace(self._view, log_y=not self._view.log_y)
        self._draw()

    def action_direction(self) -> None:
        """Ask which way the metric is better."""
        if self._metric:
            self.start(self._ask_direction())

    async def _ask_direction(self) -> None:
        figures = self._runs.figures
        if await ask_direction(self, self._metric, figures.directions.get(self._metric)):
            figures.hear(said_directions(self.console_app.preferences))
            self._fill_table()

    # The table.

    def action_toggle_differences(self) -> None:
        """Show every parameter, or only those that differ."""
        self._only_differences = not self._only_differences
        self._fill_table()

    def _lines(self) -> list[tuple[str, list[str], int | None]]:
        """Name, a value for each run, and which of them is the best."""
        app = self.console_app
        lines: list[tuple[str, list[str], int | None]] = [
            ("state", [state_text(r.status, ascii_only=app.ascii_only) for r in self.rows], None),
        ]
        judged = [self._metric, *self._runs.metric_names()[:_MOST_JUDGED]]
        first = [name for name in dict.fromkeys(judged) if name]
        lines += self._metric_lines(first)
        params = compared_params(self.rows, only_differences=self._only_differences)
        lines += [(plain(p.name), [plain(value) for value in p.values], None) for p in params]
        lines += self._metric_lines([name for name in self._metrics if name not in first])
        return lines

    def _metric_lines(self, names: list[str]) -> list[tuple[str, list[str], int | None]]:
        lines: list[tuple[str, list[str], int | None]] = []
        for compared in compared_metrics(self.rows, names, self._runs.figures):
            is_known = compared.name in self._runs.figures.directions
            for which, values in (
                ("best" if is_known else "at best checkpoint", compared.best),
                ("last", compared.last),
            ):
                texts = ["" if v is None else metric(compared.name, v) for v in values]
                if any(texts):
                    winner = None if which == "last" else compared.winner
                    lines.append((f"{plain(compared.name)} {which}", texts, winner))
        return lines

    def _fill_table(self) -> None:
        table = self.query_one("#compare-table", DataTable)
        row = table.cursor_row
        table.clear(columns=True)
        colors = self.app.theme_variables
        table.add_column(Text(""), key="name")
        for place, run in enumerate(self.rows):
            color = colors.get(f"series-{place % _SERIES + 1}", "")
            title = f"{_mark(place)} {shortened(plain(run.name) or run.key, _WIDEST_VALUE)}"
            table.add_column(Text(title, f"bold {color}"), key=run.key)
        star = "*" if self.console_app.ascii_only else "★"
        best = f"bold {colors.get('chart-best', '')}"
        for name, values, winner in self._lines():
            cells = [
                Text(f"{shortened(value, _WIDEST_VALUE)} {star}", best)
                if place == winner
                else Text(shortened(value, _WIDEST_VALUE))
                for place, value in enumerate(values)
            ]
            table.add_row(Text(name, colors.get("muted", "")), *cells)
        table.move_cursor(row=min(row, table.row_count - 1), animate=False)

    def action_copy(self) -> None:
        """Copy the table."""
        head = ["", *(plain(row.name) for row in self.rows)]
        lines = ["\t".join(head)]
        lines += ["\t".join([name, *values]) for name, values, _ in self._lines()]
        self.console_app.copy("\n".join(lines))

    def leave_text_field(self) -> None:
        """Give the focus to the table."""
        self.query_one("#compare-table").focus()

    def go_back(self) -> bool:
        """Drop the cursor, show the whole range again, or go back to the list."""
        if self._view.cursor_x is not None:
            self._view = replace(self._view, cursor_x=None)
            self._draw()
        elif self._view.x_range is not None:
            self._view = replace(self._view, x_range=None)
            self._draw()
        else:
            self.dismiss()
        return True


def _mark(place: int) -> str:
    return chr(ord("a") + place)


def _figures(history: MetricHistory) -> Figures:
    from heimdall_console.run_figures import figures_of_values

    return figures_of_values(history.values.tolist())
