"""The screen Runs: every run, on this disk and in MLflow, in one table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.widgets import Input, Static

from heimdall_console.actions.runs import ACTIONS
from heimdall_console.formatting import plain
from heimdall_console.run_columns import column_of
from heimdall_console.run_list import RunList, usable_columns
from heimdall_console.screens.first_run import FirstRun
from heimdall_console.screens.runs_actions import RunsActions
from heimdall_console.screens.runs_choices import RunsChoices
from heimdall_console.sources.run_details import (
    ConfigsRead,
    FiguresRead,
    LocalDetails,
    TrackedFigures,
)
from heimdall_console.sources.tracking import (
    TrackedRunsFailed,
    TrackedRunsRead,
    TrackingSource,
)
from heimdall_console.widgets.run_preview import RunPreview
from heimdall_console.widgets.run_table import RunTable
from heimdall_console.widgets.text_field import TextField
from heimdall_console.widgets.welcome import Welcome

if TYPE_CHECKING:
    from textual.timer import Timer

    from heimdall_console.run_index import RunSummary
    from heimdall_console.run_rows import RunRow

_SECTION: Final = "runs"
# Pages of MLflow come quickly one after the other: the table is arranged for several at once.
_ARRANGE_AFTER_S: Final = 0.15
_FEW_ROWS: Final = 500
_WIDE, _VERY_WIDE, _HIGH = 110, 150, 32


class RunsScreen(RunsActions, RunsChoices, FirstRun):
    """Runs, their filter, their order, and what is known of the one under the cursor."""

    NAME = "runs"
    ACTIONS = ACTIONS
    CSS_PATH = "runs.tcss"
    ABOUT: ClassVar[str] = (
        "Every run, on this disk and in MLflow. The filter understands words, AND, OR, NOT, -word, "
        "parentheses, and comparisons such as lr>=1e-3, model:receiver_set_net, state:failed, "
        "tag:baseline, age<2d, min(val/loss)<0.3."
    )

    def __init__(self) -> None:
        super().__init__()
        self._timer: Timer | None = None
        self._local: LocalDetails | None = None
        self._tracking: TrackingSource | None = None
        self._tracked_figures: TrackedFigures | None = None
        self._tracked_count = 0
        self._tracking_state = "reading"
        self._is_preview_wanted = True

    # Made of.

    def compose_body(self) -> ComposeResult:
        """A line to filter by, the table, the preview."""
        app = self.console_app
        saved = app.preferences
        self.runs = RunList(saved.get(_SECTION, "directions", {}), ascii_only=app.ascii_only)
        self.runs.columns = usable_columns(
            saved.get(_SECTION, "columns", [column.id for column in self.runs.columns])
        )
        self.runs.sort_id = saved.get(_SECTION, "sort", self.runs.sort_id)
        self.runs.is_descending = saved.get(_SECTION, "descending", self.runs.is_descending)
        self.runs.group_by = saved.get(_SECTION, "group", "")
        self.runs.choose_metric(saved.get(_SECTION, "metric", ""))
        self._is_preview_wanted = saved.get(_SECTION, "preview", True)
        self.runs.context.now_s = app.now()
        with Horizontal(id="runs-bar"):
            yield Static(id="runs-count", markup=False)
            yield Static("/", id="runs-slash", markup=False)
            yield TextField(
                placeholder="filter: lr>=1e-3 model:receiver_set_net -state:failed",
                id="runs-filter",
            )
            yield Static(id="runs-order", markup=False)
        yield Static(id="runs-problem", markup=False)
        with Container(id="runs-body"):
            with Vertical(id="runs-panel"):
                yield RunTable(self.runs.context, id="runs-table")
                yield Static(id="runs-empty", classes="empty", markup=False)
                yield Welcome(app.home, id="runs-welcome")
            yield RunPreview(id="runs-preview")

    def on_mount(self) -> None:
        """Begin with what is remembered."""
        super().on_mount()
        self.query_one("#runs-problem").display = False
        self.query_one("#runs-empty").display = False
        self.query_one(Welcome).display = False
        self.table.set_columns(self.runs.seen_columns())
        self.table.focus()
        self.show_order()

    @property
    def table(self) -> RunTable:
        """The table."""
        return self.query_one("#runs-table", RunTable)

    def on_shown(self) -> None:
        """Begin to read; nothing of it is waited for."""
        app = self.console_app
        self.runs.context.now_s = app.now()
        if self._local is None:
            from training_core.contract.home import runs_folder

            self._local = LocalDetails(self, runs_folder(app.home))
            self._local.start()
            self.run_in_thread(self.read_archive, self.take_archive)
            self.start_tracking()
        self.arrange_runs()

    def start_tracking(self) -> None:
        """Read MLflow, from its beginning."""
        for source in (self._tracking, self._tracked_figures):
            if source is not None:
                source.stop()
        self._tracking = TrackingSource(self, self.console_app.tracking)
        self._tracked_figures = TrackedFigures(self, self.console_app.tracking)
        self._tracked_count, self._tracking_state = 0, "reading"
        self._tracking.start()
        self._tracked_figures.start()
        self._show_tracking()

    def on_unmount(self) -> None:
        """Stop reading."""
        for source in (self._local, self._tracking, self._tracked_figures):
            if source is not None:
                source.stop()

    # What is read.

    def runs_changed(self, runs: Sequence["RunSummary"]) -> None:
        """Take the runs of this disk."""
        now_s = self.console_app.now()
        self.runs.context.now_s = now_s
        self._take_changes(self.runs.rows.take_local(runs, now_s))
        self._want_configs()

    @on(ConfigsRead)
    def _take_configs(self, event: ConfigsRead) -> None:
        changed: set[str] = set()
        for run_id, (params, tags) in event.configs.items():
            changed |= self.runs.rows.take_config(run_id, params, tags)
        self._take_changes(changed)

    @on(TrackedRunsRead)
    def _take_tracked(self, event: TrackedRunsRead) -> None:
        changed = self.runs.rows.take_tracked(
            event.rows, event.gone, is_first=event.is_first, is_last=event.is_last
        )
        if event.is_first:
            self._tracked_count = 0
        self._tracked_count += len(event.rows)
        was, self._tracking_state = self._tracking_state, "" if event.is_last else "reading"
        self._show_tracking()
        if changed:
            self._take_changes(changed)
        elif was != self._tracking_state:
            self._show_emptiness()

    @on(TrackedRunsFailed)
    def _tell_tracking_failure(self, event: TrackedRunsFailed) -> None:
        if self._tracking_state != "failed":
            self.console_app.remember_error(event.error)
        self._tracking_state = "failed"
        self._show_tracking()
        self._show_emptiness()

    @on(FiguresRead)
    def _take_figures(self, event: FiguresRead) -> None:
        for row, metric, figures in event.figures:
            self.runs.figures.put(row, metric, figures)
        if self.runs.needs_every_figure():
            self._arrange_soon()
        else:
            self.table.redraw()
        self._show_preview()

    def _take_changes(self, keys: set[str]) -> None:
        if keys:
            self.runs.learn(keys)
        if self.runs.total <= _FEW_ROWS:
            self.arrange_runs()
        else:
            self._arrange_soon()

    def read_again(self) -> None:
        """Read MLflow again, from its beginning."""
        if self._tracking is not None:
            self._tracking_state = "reading"
            self._show_tracking()
            self._tracking.read_everything()

    def minute_passed(self) -> None:
        """Ages are a minute older."""
        self.runs.context.now_s = self.console_app.now()
        self.runs.refresh_query()
        self.arrange_runs()
        self.table.redraw()

    # The table.

    def _arrange_soon(self) -> None:
        if self._timer is None:
            self._timer = self.set_timer(_ARRANGE_AFTER_S, self.arrange_runs)

    def arrange_runs(self) -> None:
        """Filter, sort and group anew; the cursor stays on its run."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self.table.set_columns(self.runs.seen_columns())
        self.table.set_lines(self.runs.lines())
        self.show_count()
        self.show_order()
        self._show_emptiness()
        self._show_preview()

    @on(RunTable.ViewChanged)
    def want_figures(self) -> None:
        """Read the figures of what is seen, or of all where they decide what is seen."""
        rows = [line.row for line in self.table.seen_lines() if line.row is not None]
        if self.runs.needs_every_figure():
            rows += self.runs.rows.rows.values()
        for metric in self.runs.wanted_metrics()[:1]:
            lacking = self.runs.figures.lacking(rows, metric)
            if self._local is not None:
                self._local.want([row for row in lacking if row.is_local], metric)
            if self._tracked_figures is not None:
                self._tracked_figures.want(
                    [row for row in lacking if not row.is_local and metric in row.metrics], metric
                )

    def _want_configs(self) -> None:
        if self._local is not None:
            self._local.want_configs(self.runs.rows.lacks_config())

    @on(RunTable.Highlighted)
    def _show_preview(self) -> None:
        preview = self.query_one(RunPreview)
        if preview.display:
            preview.show_row(self.current_row(), self.runs.context)

    @on(RunTable.Opened)
    async def _open_clicked(self) -> None:
        await self.run_action("open")

    @on(RunTable.TitleClicked)
    def _sort_by_title(self, event: RunTable.TitleClicked) -> None:
        self.sort_by(event.column_id)

    def sort_by(self, column_id: str) -> None:
        """Sort by a column, and remember it."""
        self.runs.sort_by(column_id)
        app = self.console_app
        app.remember(_SECTION, "sort", self.runs.sort_id)
        app.remember(_SECTION, "descending", self.runs.is_descending)
        self.show_order()
        self.arrange_runs()
        self.want_figures()

    # The filter.

    @on(Input.Changed, "#runs-filter")
    def _filter(self, event: Input.Changed) -> None:
        self.runs.context.now_s = self.console_app.now()
        self.runs.set_query(event.value)
        problem = self.query_one("#runs-problem", Static)
        error = self.runs.query_error
        problem.display = error is not None
        if error is not None:
            self._show_problem(problem, error.message, error.position)
        else:
            self.arrange_runs()
            self.want_figures()

    def _show_problem(self, problem: Static, message: str, position: int) -> None:
        """The error under the character that it is about."""
        start = self.query_one("#runs-filter").region.x + 1 - self.region.x
        pointer = "^" if self.console_app.ascii_only else "▲"
        text, at = f"{pointer} {plain(message)}", start + position
        width = self.size.width
        if at + len(text) > width:
            text = f"{plain(message)} {pointer}"
            at = max(0, min(start + position - len(text) + 1, width - len(text)))
        problem.update(Text(" " * at + text))

    @on(Input.Submitted, "#runs-filter")
    def _leave_filter(self) -> None:
        self.leave_text_field()

    def leave_text_field(self) -> None:
        """Go back to the table; the filter stays."""
        self.table.focus()

    def go_back(self) -> bool:
        """Take the marks, then the filter away."""
        field = self.query_one("#runs-filter", Input)
        if self.table.marked:
            self.action_clear_marks()
        elif field.value:
            field.value = ""
        else:
            return False
        return True

    # What stands around the table.

    def show_count(self) -> None:
        """Say how many runs there are, and how many are marked."""
        shown, total = self.runs.shown, self.runs.total
        count = f"{shown:,} of {total:,}" if shown != total else f"{total:,}"
        marked = len(self.table.marked)
        self.query_one("#runs-count", Static).update(
            f" Runs  {count}" + (f"  {marked} marked" if marked else "")
        )

    def show_order(self) -> None:
        """Say what is sorted by."""
        column = column_of(self.runs.sort_id)
        arrow = ("v^" if self.console_app.ascii_only else "▼▲")[0 if self.runs.is_descending else 1]
        by = f"by {plain(column.title) if column else 'age'} {arrow}"
        metric = plain(self.runs.context.metric)
        self.query_one("#runs-order", Static).update(f"{metric}  {by} ")
        self.table.sort_column = self.runs.sort_id
        self.table.is_descending = self.runs.is_descending

    def _show_tracking(self) -> None:
        panel = self.query_one("#runs-panel")
        panel.set_class(self._tracking_state == "failed", "-failed")
        if self._tracking_state == "failed":
            text = "MLflow does not answer; ! shows why, ctrl+r tries again"
        elif self._tracking_state == "reading":
            dots = "..." if self.console_app.ascii_only else "…"
            text = (
                f"MLflow {self._tracked_count:,}{dots}" if self._tracked_count else f"MLflow {dots}"
            )
        else:
            text = ""
        panel.border_subtitle = Text(text)

    def _show_emptiness(self) -> None:
        is_known = self.console_app.runs is not None and self._tracking_state != "reading"
        empty, welcome = self.query_one("#runs-empty", Static), self.query_one(Welcome)
        nothing_at_all = not self.runs.total and is_known
        nothing_found = bool(self.runs.total) and not self.table.lines
        empty.display = nothing_found
        self.table.display = not (nothing_at_all or nothing_found)
        if nothing_at_all and not welcome.display:
            welcome.display = True
            welcome.focus()
        elif welcome.display and not nothing_at_all:
            welcome.display = False
            self.table.focus()
        self.place_preview()
        if nothing_found:
            empty.update("No run is meant by the filter\n\nesc  takes it away")

    def on_resize(self) -> None:
        """Choose where the preview stands."""
        self.place_preview()

    def place_preview(self) -> None:
        """Beside the table, below it, or nowhere."""
        wide, high = self.size.width >= _WIDE, self.size.height >= _HIGH
        body = self.query_one("#runs-body")
        body.set_class(wide, "-wide")
        body.set_class(self.size.width >= _VERY_WIDE, "-very-wide")
        is_wanted = self._is_preview_wanted and not self.query_one(Welcome).display
        self.query_one(RunPreview).display = is_wanted and (wide or high)
        self._show_preview()

    def action_toggle_preview(self) -> None:
        """Key v."""
        self._is_preview_wanted = not self._is_preview_wanted
        self.console_app.remember(_SECTION, "preview", self._is_preview_wanted)
        self.place_preview()

    def current_row(self) -> "RunRow | None":
        """The run under the cursor."""
        line = self.table.cursor_line
        return self.runs.rows.rows.get(line.key) if line is not None else None
