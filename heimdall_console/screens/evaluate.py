"""The screen Evaluate: how far models are off, beside methods without a network."""

from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.widgets import Static

from heimdall_console.actions.evaluate import ACTIONS
from heimdall_console.charts.chart_header import Header
from heimdall_console.evaluation_notes import note_sections
from heimdall_console.evaluations import (
    Evaluation,
    Session,
    coverage_pairs,
    error_quantiles,
    evaluation_jobs,
    map_points,
    method_rows,
    read_evaluation,
    sessions_of,
    split_text,
    worst_sessions,
)
from heimdall_console.formatting import age, meters, plain
from heimdall_console.job_text import outcome_text, progress_text
from heimdall_console.screens.evaluate_actions import EvaluateActions
from heimdall_console.status_text import STATUS_STYLES
from heimdall_console.widgets.detail_pane import DetailPane
from heimdall_console.widgets.distribution_chart import DistributionChart
from heimdall_console.widgets.map_view import MapView
from heimdall_console.widgets.record_layout import TableColumn, TableRow
from heimdall_console.widgets.record_table import RecordTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heimdall_console.charts.position_map import MapPoints
    from heimdall_console.job_rows import JobRow
    from heimdall_console.run_index import RunSummary

_WIDE, _HIGH = 120, 32
_PANES: Final = ("distribution", "map", "calibration", "sessions", "notes")
_EVALUATIONS: Final = (
    TableColumn("status", ""),
    TableColumn("model", "model", shrinks=True),
    TableColumn("dataset", "on", drops=3, style="muted"),
    TableColumn("part", "part"),
    TableColumn("median", "median", is_right=True, style="strong"),
    TableColumn("p90", "90 %", is_right=True, drops=2),
    TableColumn("when", "when", drops=1, style="muted"),
)
# Intervals have no title: their sign says what they are, and where none is told they take no room.
_METHODS: Final = (
    TableColumn("method", "method", shrinks=True),
    TableColumn("median", "median", is_right=True, style="strong"),
    TableColumn("median_spread", "", is_right=True, drops=7, style="muted"),
    TableColumn("mean", "mean", is_right=True),
    TableColumn("mean_spread", "", is_right=True, drops=1, style="muted"),
    TableColumn("p90", "90 %", is_right=True),
    TableColumn("p90_spread", "", is_right=True, drops=2, style="muted"),
    TableColumn("within30", "< 30 m", is_right=True, drops=3),
    TableColumn("within50", "< 50 m", is_right=True, drops=4),
    TableColumn("within100", "< 100 m", is_right=True, drops=5),
    TableColumn("coverage", "90 % ellipse", is_right=True, drops=6),
)
_SESSIONS: Final = (
    TableColumn("session", "worst sessions", shrinks=True),
    TableColumn("error", "error", is_right=True, style="strong"),
    TableColumn("receivers", "heard by", is_right=True, drops=2),
    TableColumn("track", "track", drops=1, style="muted"),
)
_EMPTY: Final = (
    "Nothing was evaluated yet.\n\nn chooses a model, a dataset and a part of its split;\nv on the "
    "screens Checkpoints (4) and Models (5) brings the model along."
)


class EvaluateScreen(EvaluateActions):
    """Past and running evaluations, and everything about the one under the cursor."""

    NAME = "evaluate"
    ACTIONS = ACTIONS
    CSS_PATH = "evaluate.tcss"
    ABOUT: ClassVar[str] = (
        "How far a model is off on sessions that it was not trained on, beside methods without a "
        "network on the same sessions. Choose by validation sessions; test sessions are for the "
        "last word, because whoever looks at them often begins to fit them."
    )

    def __init__(self) -> None:
        super().__init__()
        self._jobs: dict[str, JobRow] = {}
        self._read: dict[str, tuple[Evaluation, MapPoints]] = {}
        self._sessions: list[Session] = []
        self._pane = "distribution"
        self._shown = ("", "")

    # Made of.

    def compose_body(self) -> ComposeResult:
        """The evaluations, the methods, charts, map, sessions, notes."""
        with Horizontal(id="evaluate-bar"):
            yield Static(id="evaluate-title", markup=False)
            yield Static(id="evaluate-note", markup=False)
        yield Static(id="evaluate-empty", classes="empty", markup=False)
        # In the order of the cells of the grid, see the style sheet.
        with Container(id="evaluate-body"):
            yield RecordTable(_EVALUATIONS, "Every evaluation of this home.", id="evaluate-table")
            yield RecordTable(_METHODS, has_cursor=False, id="evaluate-methods")
            with Horizontal(id="evaluate-charts"):
                yield DistributionChart(id="evaluate-distribution")
                yield DistributionChart(id="evaluate-calibration")
            yield DetailPane("What belongs beside the numbers.", id="evaluate-notes")
            yield MapView("positions", id="evaluate-map")
            yield RecordTable(
                _SESSIONS,
                "Sessions with the largest errors; the one under the cursor is on the map.",
                id="evaluate-sessions",
            )

    def on_mount(self) -> None:
        """Begin empty."""
        self._pane = str(self.console_app.preferences.get("evaluate", "pane", "distribution"))
        if self._pane not in _PANES:
            self._pane = "distribution"
        self.query_one("#evaluate-distribution", DistributionChart).header = Header(
            "share of sessions within"
        )
        self.query_one("#evaluate-calibration", DistributionChart).header = Header(
            "ellipses: held over stated"
        )
        self.table.focus()
        self._show_empty()

    def on_resize(self) -> None:
        """All panes, or one after the other."""
        body = self.query_one("#evaluate-body")
        body.set_class(self.size.width >= _WIDE and self.size.height >= _HIGH, "-wide")
        self._show_pane()

    @property
    def table(self) -> RecordTable:
        """The evaluations."""
        return self.query_one("#evaluate-table", RecordTable)

    @property
    def job(self) -> "JobRow | None":
        """The evaluation under the cursor."""
        return self._jobs.get(self.table.key)

    @property
    def is_wide(self) -> bool:
        """Whether everything is shown at once."""
        return self.query_one("#evaluate-body").has_class("-wide")

    # What is read.

    def on_shown(self) -> None:
        """Show what was chosen elsewhere, or evaluate it."""
        selection = self.console_app.selection
        if selection.evaluation:
            self.table.go_to(selection.evaluation)
            selection.evaluation = ""
        if selection.checkpoint:
            model, selection.checkpoint = selection.checkpoint, ""
            self.ask_for_new(model)
        self._show_evaluation()

    def jobs_changed(self, jobs: "Sequence[JobRow]") -> None:
        """An evaluation began, went on or ended."""
        found = evaluation_jobs(jobs)
        newest = found[0].id if found else ""
        is_new = bool(self._jobs) and newest not in self._jobs
        self._jobs = {job.id: job for job in found}
        self._show_rows()
        if is_new:
            self.table.go_to(newest)
        self._show_evaluation()

    def runs_changed(self, runs: "Sequence[RunSummary]") -> None:
        """Checkpoints are called by the names of their runs."""
        names = {run.info.id: run.info.name for run in runs}
        if names != self.run_names:
            self.run_names = names
            self._show_rows()

    def minute_passed(self) -> None:
        """Ages are a minute older."""
        self._show_rows()

    # What is shown.

    def _show_empty(self) -> None:
        has_jobs = bool(self._jobs)
        known = self.console_app.jobs is not None
        self.query_one("#evaluate-empty", Static).update(_EMPTY if known else "Reading…")
        self.query_one("#evaluate-empty").display = not has_jobs
        self.query_one("#evaluate-body").display = has_jobs
        if not has_jobs:
            self.query_one("#evaluate-title", Static).update(" Evaluations")
            self.query_one("#evaluate-note", Static).update("")

    def _show_rows(self) -> None:
        app = self.console_app
        now, ascii_only = app.now(), app.ascii_only
        self.table.show(
            [
                _job_row(job, self.name_of(str(job.arguments.get("model", ""))), now, ascii_only)
                for job in self._jobs.values()
            ]
        )
        self._show_empty()

    @on(RecordTable.Highlighted, "#evaluate-table")
    def _follow_cursor(self) -> None:
        self._show_evaluation()

    @on(RecordTable.Opened, "#evaluate-table")
    def _open_clicked(self) -> None:
        self.action_open()

    def _show_evaluation(self) -> None:
        job = self.job
        if job is None:
            return
        if not job.status.has_ended:
            self._read.pop(job.id, None)
        known = self._read.get(job.id)
        if known is not None:
            self._show_result(*known)
            return
        self.run_in_thread(
            lambda: _read_with_map(job),
            lambda found: self._take(job, found),
            group="evaluation",
            exclusive=True,
        )

    def _take(self, job: "JobRow", found: "tuple[Evaluation, MapPoints]") -> None:
        if job.status.has_ended:
            self._read[job.id] = found
        if self.table.key == job.id:
            self._show_result(*found)

    def _show_result(self, evaluation: Evaluation, points: "MapPoints") -> None:
        job = evaluation.job
        name = self.name_of(str(job.arguments.get("model", "")))
        title = f" {plain(name)} on {plain(evaluation.dataset)}, {evaluation.part}"
        self.query_one("#evaluate-title", Static).update(title)
        if not job.status.has_ended:
            note = progress_text(job)
        elif job.error is not None:
            note = f"! {outcome_text(job)}   enter shows why"
        else:
            warnings = evaluation.warnings
            note = f"! {plain(warnings[0])}" if warnings else split_text(evaluation)
        self.query_one("#evaluate-note", Static).update(f"{note} ")
        shown = (job.id, job.status.value)
        is_same, self._shown = self._shown == shown, shown
        sign = "+-" if self.console_app.ascii_only else "±"
        self.query_one("#evaluate-methods", RecordTable).show(
            [
                TableRow(
                    name,
                    (name, *(cell.replace("±", sign) for cell in cells)),
                    {"method": "accent" if place == 0 else "cell"},
                )
                for place, (name, cells) in enumerate(method_rows(evaluation))
            ]
        )
        notes = self.query_one("#evaluate-notes", DetailPane)
        notes.show(job.id, "", note_sections(evaluation, self.console_app.now()))
        if is_same:
            return
        self.query_one("#evaluate-distribution", DistributionChart).show_errors(
            error_quantiles(evaluation)
        )
        pairs = coverage_pairs(evaluation)
        self.query_one("#evaluate-calibration", DistributionChart).show_calibration(
            {"network": pairs} if pairs else {}
        )
        self._sessions = worst_sessions(sessions_of(evaluation))
        self.query_one("#evaluate-sessions", RecordTable).show(
            [_session_row(session) for session in self._sessions]
        )
        self.query_one("#evaluate-map", MapView).show(points)

    @on(RecordTable.Highlighted, "#evaluate-sessions")
    def _choose_on_map(self, event: RecordTable.Highlighted) -> None:
        if event.key:
            self.query_one("#evaluate-map", MapView).choose(int(event.key))

    @on(MapView.SessionChosen)
    def _choose_in_table(self, event: MapView.SessionChosen) -> None:
        if event.session is not None:
            self.query_one("#evaluate-sessions", RecordTable).go_to(str(event.session))

    # One pane after the other where there is no room for all.

    def _show_pane(self) -> None:
        is_wide = self.is_wide
        for name in ("map", "sessions", "notes"):
            shown = is_wide or self._pane == name
            self.query_one(f"#evaluate-{name}").display = shown
        charts = ("distribution", "calibration")
        self.query_one("#evaluate-charts").display = is_wide or self._pane in charts
        for name in charts:
            shown = is_wide or self._pane == name
            self.query_one(f"#evaluate-{name}").display = shown

    def _choose_pane(self, name: str) -> None:
        self._pane = name
        self.console_app.remember("evaluate", "pane", name)
        self._show_pane()
        pane = self.query_one(f"#evaluate-{name}")
        if self.is_wide or name in ("map", "sessions"):
            pane.focus()

    def action_show_distribution(self) -> None:
        """Show the errors."""
        self._choose_pane("distribution")

    def action_show_map(self) -> None:
        """Show the map."""
        self._choose_pane("map")

    def action_show_calibration(self) -> None:
        """Show the ellipses."""
        self._choose_pane("calibration")

    def action_show_sessions(self) -> None:
        """Show the worst sessions."""
        self._choose_pane("sessions")

    def action_show_notes(self) -> None:
        """Show what belongs beside the numbers."""
        self._choose_pane("notes")

    def go_back(self) -> bool:
        """Go back to the list of evaluations."""
        if self._jobs and self.focused is not self.table:
            self.table.focus()
            return True
        return False


def _job_row(job: "JobRow", name: str, now: float, ascii_only: bool) -> TableRow:
    status = job.status.value
    metrics = job.result.get("methods", {}).get("network", {}).get("metrics", {})
    glyph = status if ascii_only else STATUS_STYLES.get(status, ("?", "plain"))[0]
    median, p90 = metrics.get("median_m"), metrics.get("p90_m")
    if not job.status.has_ended:
        share = job.share_done
        median_text = status if share is None else f"{100 * share:.0f} %"
    else:
        median_text = status if median is None else meters(median)
    cells = (
        glyph,
        name,
        str(job.arguments.get("dataset", "")).rstrip("/").rpartition("/")[2],
        str(job.arguments.get("split", "")),
        median_text,
        "" if p90 is None else meters(p90),
        age(now - job.created),
    )
    styles = {"status": status}
    if median is None:
        styles["median"] = status
    return TableRow(job.id, cells, styles)


def _session_row(session: Session) -> TableRow:
    cells = (session.id, meters(session.error_m), str(session.receivers), session.track)
    return TableRow(str(session.place), cells, {})


def _read_with_map(job: "JobRow") -> "tuple[Evaluation, MapPoints]":
    evaluation = read_evaluation(job)
    return evaluation, map_points(evaluation)
