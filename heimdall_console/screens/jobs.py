"""The jobs panel: what this home does beside its runs, over any screen."""

from typing import TYPE_CHECKING, ClassVar, Final, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from heimdall_console.actions.jobs import ACTIONS
from heimdall_console.formatting import age, plain
from heimdall_console.job_text import bar_text, fact_pairs, outcome_text, progress_text, took_text
from heimdall_console.screens.base import JobsView, bindings_of, widget_keys
from heimdall_console.screens.dialogs.leaving import LeavesOnce
from heimdall_console.sources.thread import in_thread
from heimdall_console.status_text import status_text
from heimdall_console.terminal import Terminal
from heimdall_console.widgets.detail_pane import DetailPane
from heimdall_console.widgets.key_hints import KeyHints
from heimdall_console.widgets.link_line import LinkLine
from heimdall_console.widgets.record_layout import TableColumn, TableRow
from heimdall_console.widgets.record_table import RecordTable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from heimdall_console.actions.action import Action
    from heimdall_console.app import HeimdallApp
    from heimdall_console.job_rows import JobRow

_COLUMNS: Final = (
    TableColumn("status", "status"),
    TableColumn("job", "job", shrinks=True, least=30),
    TableColumn("at", "progress and result", shrinks=True, least=24),
    TableColumn("took", "took", is_right=True, drops=2),
    TableColumn("started", "started", drops=1, style="muted"),
)
_SECOND_S: Final = 1.0
_EMPTY: Final = (
    "No job yet.\n\nExports, registrations, evaluations and preflights run here, beside the "
    "console:\nstart one with e, m or v on the screen Checkpoints (4)."
)


class JobsPanel(LeavesOnce, JobsView, ModalScreen[None]):
    """Jobs with progress, result and cancel; it keeps itself up to date."""

    CSS_PATH = "jobs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_of("jobs", ACTIONS)]
    ABOUT: ClassVar[str] = (
        "Exports, registrations, evaluations, imports and preflights of this home. Each is a "
        "process of its own: it goes on when the console leaves."
    )

    def __init__(self) -> None:
        super().__init__()
        self._jobs: dict[str, JobRow] = {}

    @property
    def console_app(self) -> "HeimdallApp":
        """The app."""
        return cast("HeimdallApp", self.app)

    def compose(self) -> ComposeResult:
        """A table, what is known of the job under the cursor, the keys."""
        with Vertical(id="jobs-panel") as panel:
            panel.border_title = "Jobs"
            with Container(id="jobs-body"):
                yield RecordTable(_COLUMNS, self.ABOUT, id="jobs-table")
                yield Static(_EMPTY, id="jobs-empty", classes="empty", markup=False)
                yield DetailPane("What the job was asked, and what came of it.", id="jobs-detail")
            yield KeyHints()

    def on_mount(self) -> None:
        """Show what is known."""
        app = self.console_app
        self.set_class(app.ascii_only, "-ascii")
        shown = [action for action in self.possible_actions() if action.in_footer]
        self.query_one(KeyHints).show_actions(shown, ())
        self.table.focus()
        self.jobs_changed(app.jobs or ())
        self.set_interval(_SECOND_S, self._show_time)

    def on_resize(self) -> None:
        """Beside one another or one below the other."""
        self.query_one("#jobs-body").set_class(self.size.width >= 150, "-wide")

    @property
    def table(self) -> RecordTable:
        """The jobs."""
        return self.query_one("#jobs-table", RecordTable)

    def jobs_changed(self, jobs: "Sequence[JobRow]") -> None:
        """Show the jobs as they are now."""
        self._jobs = {job.id: job for job in jobs}
        app = self.console_app
        terminal = Terminal(unicode=not app.ascii_only)
        self.table.show([self._row(job, terminal) for job in jobs])
        has_jobs = bool(jobs)
        self.table.display = has_jobs
        self.query_one("#jobs-detail").display = has_jobs
        self.query_one("#jobs-empty").display = not has_jobs
        living = sum(not job.status.has_ended for job in jobs)
        said = f"{living} at work" if living else "none at work"
        self.query_one("#jobs-panel", Vertical).border_subtitle = said if has_jobs else ""
        self._show_detail()

    def _show_time(self) -> None:
        """Only a job that is at work takes longer and longer."""
        if any(not job.status.has_ended for job in self._jobs.values()):
            self.jobs_changed(tuple(self._jobs.values()))

    def _row(self, job: "JobRow", terminal: Terminal) -> TableRow:
        now = self.console_app.now()
        if job.status.has_ended:
            at = outcome_text(job)
        else:
            at = progress_text(job, now)
            if job.share_done is not None:
                bar = bar_text(job.share_done, ascii_only=not terminal.unicode)
                at = f"{bar} {at}"
        status = job.status.value
        took, since = took_text(job, now), age(now - job.created)
        cells = (status_text(status, terminal), job.title, at, took, since)
        styles = {"status": status}
        if job.status.has_ended:
            styles["at"] = "bad" if job.error is not None else "cell"
        return TableRow(job.id, cells, styles)

    def _show_detail(self) -> None:
        job = self._jobs.get(self.table.key)
        if job is not None:
            pairs = fact_pairs(job, self.console_app.now())
            self.query_one("#jobs-detail", DetailPane).show(job.id, "", [("", pairs)])

    @on(RecordTable.Highlighted)
    def _follow_cursor(self) -> None:
        self._show_detail()

    @on(RecordTable.Opened)
    def _open_clicked(self) -> None:
        self.action_open_result()

    @on(LinkLine.Clicked)
    async def _obey_click(self, event: LinkLine.Clicked) -> None:
        await self.app.run_action(event.action, default_namespace=self)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Refuse what writes where the console only reads."""
        writes = any(own.writes and own.name == action for own in ACTIONS)
        return not (writes and self.console_app.readonly)

    def possible_actions(self) -> "list[Action]":
        """What can be done here, with the keys that the person has given."""
        actions = self.console_app.with_keys("jobs", ACTIONS)
        return [action for action in actions if self.check_action(action.name, ())]

    def action_open_result(self) -> None:
        """Go to what the job made."""
        job, app = self._jobs.get(self.table.key), self.console_app
        if job is None:
            return
        if job.error is not None:
            self.action_show_error()
            return
        self.dismiss(None)
        if job.kind == "evaluate":
            app.selection.evaluation = job.id
            app.show_evaluate()
        elif job.kind in ("register", "set-alias", "download"):
            name = str(job.arguments.get("name") or job.arguments.get("model") or "")
            app.show_models(name.partition("@")[0])
        elif job.kind == "export":
            checkpoint = str(job.arguments.get("checkpoint", ""))
            parts = checkpoint.split("/")
            app.selection.checkpoint = checkpoint
            app.show_checkpoints(parts[-3] if len(parts) > 3 else "")

    def action_show_error(self) -> None:
        """Show why it failed."""
        from heimdall_console.screens.dialogs.error_page import ErrorPage

        job = self._jobs.get(self.table.key)
        if job is not None and job.error is not None:
            self.app.push_screen(ErrorPage(job.error, job.detail))
        elif job is not None:
            self.app.notify("This job has not failed", markup=False)

    def action_cancel(self) -> None:
        """End the job."""
        from heimdall_console.job_control import cancel_job

        job = self._jobs.get(self.table.key)
        if job is not None:
            self.app.notify(f"Ending: {plain(job.title)}", markup=False)
            path = job.path
            self._act(lambda: cancel_job(path).value, says=False)

    def action_retry(self) -> None:
        """Do the job again."""
        from heimdall_console.job_control import retry_job

        job, home = self._jobs.get(self.table.key), self.console_app.home
        if job is not None:
            path = job.path
            self._act(lambda: f"Started again as {retry_job(home, path).id}")

    def action_copy(self) -> None:
        """Copy the path of its folder."""
        job = self._jobs.get(self.table.key)
        if job is not None:
            self.console_app.copy(str(job.path))

    def action_help(self) -> None:
        """Explain the panel, with every key."""
        from heimdall_console.screens.dialogs.help_page import HelpPage

        keys = widget_keys(self.table)
        self.app.push_screen(HelpPage("Jobs", self.ABOUT, keys, self.possible_actions(), ()))

    def action_command_palette(self) -> None:
        """Find an action of the panel."""
        self.console_app.action_command_palette()

    def action_close(self) -> None:
        """Close the panel."""
        self.dismiss(None)

    def _act(self, work: "Callable[[], str]", *, says: bool = True) -> None:
        async def flow() -> None:
            try:
                said = await in_thread(work)
            except Exception as error:
                self.console_app.show_error(error)
            else:
                # How a job ends is told by the app, whoever ended it.
                if says:
                    self.app.notify(said, markup=False)
                self.console_app.look_at_jobs()

        self.app.run_worker(flow(), exit_on_error=False)
