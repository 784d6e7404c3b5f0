"""The screen Runs: every run, on this disk and in MLflow, in one table."""

from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.widgets import Input, Static

from heimdall_console.actions.runs import ACTIONS
from heimdall_console.formatting import plain, shortened
from heimdall_console.run_columns import column_of
from heimdall_console.run_list import RunList, usable_columns
from heimdall_console.said_directions import said_directions
from heimdall_console.screens.first_run import FirstRun
from heimdall_console.screens.runs_actions import RunsActions
from heimdall_console.screens.runs_choices import RunsChoices
from heimdall_console.screens.runs_reading import RunsReading
from heimdall_console.widgets.run_preview import RunPreview
from heimdall_console.widgets.run_table import RunTable
from heimdall_console.widgets.text_field import TextField
from heimdall_console.widgets.welcome import Welcome

if TYPE_CHECKING:
    from textual.timer import Timer

    from heimdall_console.actions.action import Action
    from heimdall_console.run_rows import RunRow

_SECTION: Final = "runs"
# Pages of MLflow come quickly one after the other: the table is arranged for several at once.
_ARRANGE_AFTER_S: Final = 0.15
_LONGEST_METRIC: Final = 28
_WAYS_IN: Final = ("take_tour", "quickstart")
_WIDE, _VERY_WIDE, _HIGH = 110, 150, 32


class RunsScreen(RunsActions, RunsChoices, RunsReading, FirstRun):
    """Runs, their filter, their order, and what is known of the one under the cursor."""

    NAME = "runs"
    AUTO_FOCUS = "#runs-table"  # not the filter: a digit soon after would stand in it
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
        self._is_preview_wanted = True

    # Made of.

    def compose_body(self) -> ComposeResult:
        """A line to filter by, the table, the preview."""
        app = self.console_app
        saved = app.preferences
        self.runs = RunList(said_directions(saved), ascii_only=app.ascii_only)
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
        self.runs.context.now_s = self.console_app.now()
        self.begin_reading()
        self.arrange_runs()

    def minute_passed(self) -> None:
        """Ages are a minute older."""
        self.runs.context.now_s = self.console_app.now()
        self.runs.refresh_query()
        self.arrange_runs()
        self.table.redraw()

    def hinted_actions(self) -> "list[Action]":
        """What the footer shows; where nothing is there to act on, the ways in."""
        if self.query_one(Welcome).display:
            return [action for action in self.possible_actions() if action.name in _WAYS_IN]
        return super().hinted_actions()

    # The table.

    def arrange_soon(self) -> None:
        """Arrange in a moment, once for everything that comes until then."""
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
        self.show_emptiness()
        self.show_preview()

    @on(RunTable.Highlighted)
    def show_preview(self) -> None:
        """Show the run under the cursor."""
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
        metric = shortened(plain(self.runs.context.metric), _LONGEST_METRIC)
        self.query_one("#runs-order", Static).update(f"{metric}  {by} ")
        self.table.sort_column = self.runs.sort_id
        self.table.is_descending = self.runs.is_descending

    def show_tracking(self) -> None:
        """Say in the border how far MLflow is read; nothing once everything is there."""
        panel = self.query_one("#runs-panel")
        panel.set_class(self.tracking_state == "failed", "-failed")
        if self.tracking_state == "failed":
            text = "MLflow does not answer; ! shows why, ctrl+l tries again"
        elif self.tracking_state == "reading":
            dots = "..." if self.console_app.ascii_only else "…"
            text = (
                f"MLflow {self.tracked_count:,}{dots}" if self.tracked_count else f"MLflow {dots}"
            )
        else:
            text = ""
        panel.set_class(bool(text), "-told")
        panel.border_subtitle = Text(text)

    def show_emptiness(self) -> None:
        """Lead on where there is nothing at all, or nothing that the filter means."""
        is_known = self.console_app.runs is not None and self.tracking_state != "reading"
        empty, welcome = self.query_one("#runs-empty", Static), self.query_one(Welcome)
        nothing_at_all = not self.runs.total and is_known
        nothing_found = bool(self.runs.total) and not self.table.lines
        empty.display = nothing_found
        self.table.display = not (nothing_at_all or nothing_found)
        if nothing_at_all and not welcome.display:
            welcome.display = True
            welcome.focus()
            self.refresh_hints()
        elif welcome.display and not nothing_at_all:
            welcome.display = False
            self.table.focus()
            self.refresh_hints()
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
        self.show_preview()

    def action_toggle_preview(self) -> None:
        """Key v."""
        self._is_preview_wanted = not self._is_preview_wanted
        self.console_app.remember(_SECTION, "preview", self._is_preview_wanted)
        self.place_preview()

    def current_row(self) -> "RunRow | None":
        """The run under the cursor."""
        line = self.table.cursor_line
        return self.runs.rows.rows.get(line.key) if line is not None else None
