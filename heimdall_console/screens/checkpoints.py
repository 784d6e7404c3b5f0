"""The screen Checkpoints: what a run has saved, and what can be done with it."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.widgets import Static

from heimdall_console.actions.checkpoints import ACTIONS
from heimdall_console.checkpoint_list import (
    SORT_IDS,
    CheckpointList,
    best_or_last,
    folder_stamp,
    read_list,
    sections,
    sorted_rows,
)
from heimdall_console.checkpoint_rows import EXPORTED, IN_USE, REGISTERED, CheckpointRow
from heimdall_console.checkpoint_text import row_cells
from heimdall_console.formatting import plain
from heimdall_console.screens.checkpoints_actions import CheckpointsActions
from heimdall_console.status_text import status_text
from heimdall_console.terminal import Terminal
from heimdall_console.widgets.detail_pane import DetailPane
from heimdall_console.widgets.record_layout import TableColumn, TableRow
from heimdall_console.widgets.record_table import RecordTable
from training_core.contract.errors import HeimdallError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heimdall_console.checkpoint_archive import CheckpointDetails
    from heimdall_console.job_rows import JobRow
    from heimdall_console.run_index import RunSummary

_SECTION: Final = "checkpoints"
_WIDE: Final = 124
_NO_RUNS: Final = (
    "No runs yet, so no checkpoints.\n\n2 sets one up and launches it; "
    "`heimdall-console data synth --name campus` makes data to try it with."
)
_NO_CHECKPOINTS: Final = (
    "This run has no checkpoint.\n\nIt saves one after each validation, every few minutes, when "
    "it is stopped,\nand on request: c on the screen Live (3).\n\no chooses another run."
)


class CheckpointsScreen(CheckpointsActions):
    """A table of checkpoints with what is known of the one under the cursor."""

    NAME = "checkpoints"
    ACTIONS = ACTIONS
    CSS_PATH = "checkpoints.tcss"
    ABOUT: ClassVar[str] = (
        "What a run has saved. Nothing here loads a checkpoint: details come from its sidecar, its "
        "zip directory and the opcodes of its index, so that a foreign file cannot run anything. "
        "The best and the last one, and what is exported, registered or in use, cannot be pruned."
    )

    def __init__(self) -> None:
        super().__init__()
        self._runs: tuple[RunSummary, ...] = ()
        self._details: dict[str, CheckpointDetails | HeimdallError] = {}
        self._with_tensors = False
        self._seen_jobs: tuple[object, ...] = ()
        self._wants_cursor = ""
        self._stamp = 0

    # Made of.

    def compose_body(self) -> ComposeResult:
        """The run, its checkpoints, what is known of one."""
        with Horizontal(id="checkpoints-bar"):
            yield Static(id="checkpoints-run", markup=False)
            yield Static(id="checkpoints-total", markup=False)
        with Container(id="checkpoints-body"):
            yield RecordTable(self._columns(""), self.ABOUT, id="checkpoints-table")
            yield Static(id="checkpoints-empty", classes="empty", markup=False)
            yield DetailPane("What is known of the checkpoint.", id="checkpoints-detail")

    def on_mount(self) -> None:
        """Begin with what is remembered."""
        saved = self.console_app.preferences
        self.sort_id = str(saved.get(_SECTION, "sort", "step"))
        self.is_descending = bool(saved.get(_SECTION, "descending", True))
        self.table.show_sorting(self.sort_id, is_descending=self.is_descending)
        self.table.focus()
        self._show_empty("Reading…" if self.console_app.runs is None else _NO_RUNS)

    def on_resize(self) -> None:
        """Beside one another or one below the other."""
        self.query_one("#checkpoints-body").set_class(self.size.width >= _WIDE, "-wide")

    @property
    def table(self) -> RecordTable:
        """The checkpoints."""
        return self.query_one("#checkpoints-table", RecordTable)

    # What is read.

    def on_shown(self) -> None:
        """Show the run that was chosen elsewhere."""
        selection = self.console_app.selection
        self._wants_cursor, selection.checkpoint = selection.checkpoint, ""
        self.read()

    def runs_changed(self, runs: "Sequence[RunSummary]") -> None:
        """The runs have changed: the one that is shown may have saved another one."""
        before = next((run for run in self._runs if run.info.id == self.run_id), None)
        self._runs = tuple(runs)
        now = next((run for run in self._runs if run.info.id == self.run_id), None)
        if not self.is_current:
            return
        if not self.run_id:
            self.read()
        elif now != before:
            app, run_id = self.console_app, self.run_id
            # A living run changes every second and saves every few minutes.
            self.run_in_thread(
                lambda: folder_stamp(app.home, run_id), self._compare, group="stamp", exclusive=True
            )
            self._show_bar()

    def _compare(self, stamp: int) -> None:
        if stamp != self._stamp:
            self._stamp = stamp
            self.read()

    def jobs_changed(self, jobs: "Sequence[JobRow]") -> None:
        """A job that has ended may have exported or registered one."""
        ends = tuple((job.id, job.status) for job in jobs)
        if ends != self._seen_jobs and self.is_current:
            self._seen_jobs = ends
            self.read()

    def minute_passed(self) -> None:
        """Ages are a minute older."""
        self._show_rows()

    def read(self) -> None:
        """Read the checkpoints of the chosen run; the table stays until they are there."""
        app = self.console_app
        run_id = self.chosen_run()
        if not run_id:
            if app.runs is not None:
                self.shown = None
                self._show_empty(_NO_RUNS)
            return
        jobs = app.jobs
        self.run_in_thread(
            lambda: read_list(app.home, run_id, jobs),
            self._take,
            on_error=self._fail,
            group="checkpoints",
            exclusive=True,
        )

    def chosen_run(self) -> str:
        """The run chosen here or elsewhere, else the newest that has a value of its own."""
        chosen = self.console_app.selection.run_ids
        if chosen:
            return chosen[0]
        ranked = [run for run in self._runs if run.best is not None]
        newest = (ranked or list(self._runs))[:1]
        return newest[0].info.id if newest else ""

    def _fail(self, error: Exception) -> None:
        self.shown = None
        said = (
            str(error) if isinstance(error, HeimdallError) else f"{type(error).__name__}: {error}"
        )
        self._show_empty(f"{plain(said)}\n\no chooses another run.")
        self.console_app.remember_error(error)

    def _take(self, found: CheckpointList) -> None:
        is_other = self.shown is None or self.shown.run_id != found.run_id
        before = self.pointed_rows()
        self.shown = found
        if is_other:
            self.table.clear_marks()
        self._show_rows()
        if not is_other:
            self.tell_removed(before)
        if found.rows:
            key = self._key_of(self._wants_cursor) or (
                str(best.path) if is_other and (best := best_or_last(found.rows)) else ""
            )
            self._wants_cursor = ""
            self.table.go_to(key)
        self._show_detail()
        self.refresh_hints()

    def _key_of(self, path: str) -> str:
        rows = self.shown.rows if self.shown is not None else ()
        return next((str(row.path) for row in rows if path and str(row.path) == path), "")

    # What is shown.

    def _show_empty(self, text: str) -> None:
        self.query_one("#checkpoints-empty", Static).update(text)
        has_rows = bool(self.shown is not None and self.shown.rows)
        self.table.display = self.query_one("#checkpoints-detail").display = has_rows
        self.query_one("#checkpoints-empty").display = not has_rows
        self._show_bar()

    def _show_bar(self) -> None:
        summary = next((run for run in self._runs if run.info.id == self.run_id), None)
        run, total = "", ""
        if self.shown is not None:
            run = self.shown.run_id
            if summary is not None:
                terminal = Terminal(unicode=not self.console_app.ascii_only)
                state = status_text(summary.status.value, terminal)
                run = f"{plain(summary.info.name)}   {state}   {run}"
            total = self.shown.total_text()
        self.query_one("#checkpoints-run", Static).update(f" {run}")
        self.query_one("#checkpoints-total", Static).update(f"  {total} ")

    def _show_rows(self) -> None:
        if self.shown is None:
            return
        now = self.console_app.now()
        rows = sorted_rows(self.shown.rows, self.sort_id, is_descending=self.is_descending)
        shown = [_table_row(row, now) for row in rows]
        self.table.show(shown, self._columns(self.shown.monitor))
        self._show_empty(_NO_CHECKPOINTS)

    def _columns(self, monitor: str) -> tuple[TableColumn, ...]:
        return (
            # Its end is what tells it from the others.
            TableColumn("checkpoint", "checkpoint"),
            TableColumn("step", "step", is_right=True, drops=5),
            TableColumn("epoch", "epoch", is_right=True, drops=1, sorts=False),
            TableColumn("value", monitor or "monitored", is_right=True, drops=6, style="strong"),
            TableColumn("size", "size", is_right=True, drops=4),
            TableColumn("saved", "saved", drops=3, style="muted"),
            TableColumn("reason", "reason", drops=2, style="muted", sorts=False),
            TableColumn("marks", "marks", style="accent", sorts=False),
        )

    def _show_detail(self) -> None:
        row = self.row
        if row is None:
            return
        key = row.sidecar.sha256
        details = self._details.get(key)
        pane = self.query_one("#checkpoints-detail", DetailPane)
        now = self.console_app.now()
        found = sections(row, details, now, with_tensors=self._with_tensors)
        pane.show(str(row.path), plain(row.name), found)
        if details is None:
            path = row.path
            self.run_in_thread(
                lambda: _look_into(path),
                lambda found: self._take_details(key, found),
                group="details",
                exclusive=True,
            )

    def _take_details(self, key: str, details: "CheckpointDetails | HeimdallError") -> None:
        self._details[key] = details
        self._show_detail()

    @on(RecordTable.Highlighted)
    def _follow_cursor(self, event: RecordTable.Highlighted) -> None:
        self.cursor_moved(event.key)
        self._show_detail()

    @on(RecordTable.Opened)
    def _open_clicked(self) -> None:
        self.action_open()

    @on(RecordTable.TitleClicked)
    def _sort_clicked(self, event: RecordTable.TitleClicked) -> None:
        if event.column_id in SORT_IDS:
            self.sort_by(event.column_id)

    def sort_by(self, column: str) -> None:
        """Sort by a column; by the same one the other way round."""
        is_same = column == self.sort_id
        self.is_descending = not self.is_descending if is_same else column in ("step", "saved")
        self.sort_id = column
        self.table.show_sorting(column, is_descending=self.is_descending)
        self._show_rows()
        app = self.console_app
        app.remember(_SECTION, "sort", column)
        app.remember(_SECTION, "descending", self.is_descending)

    def action_sort(self) -> None:
        """Sort by the next column, each in both directions."""
        natural = self.sort_id in ("step", "saved")
        if self.is_descending is natural:
            self.sort_by(self.sort_id)
        else:
            place = SORT_IDS.index(self.sort_id) if self.sort_id in SORT_IDS else -1
            self.sort_by(SORT_IDS[(place + 1) % len(SORT_IDS)])

    def action_show_tensors(self) -> None:
        """Name every tensor, or none."""
        self._with_tensors = not self._with_tensors
        self._show_detail()

    def run_names(self) -> list[tuple[str, str]]:
        """Id of every run with its name and state, for choosing."""
        return [
            (run.info.id, f"{run.info.name}  {run.status.value}".replace("\n", " "))
            for run in self._runs
        ]


def _table_row(row: CheckpointRow, now: float) -> TableRow:
    styles = {}
    if not row.protection:
        styles["checkpoint"] = "cell"
    if row.rank == 1:
        styles["value"] = "good"
    if REGISTERED in row.marks:
        styles["marks"] = "good"
    elif IN_USE in row.marks and EXPORTED not in row.marks:
        styles["marks"] = "warning"
    return TableRow(str(row.path), tuple(row_cells(row, now)), styles)


def _look_into(path: Path) -> "CheckpointDetails | HeimdallError":
    from heimdall_console.checkpoint_archive import read_details

    try:
        return read_details(path)
    except HeimdallError as error:
        return error
