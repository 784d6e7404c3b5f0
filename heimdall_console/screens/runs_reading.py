"""What the screen Runs reads: this disk, MLflow, and figures where they are wanted."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from textual import on

from heimdall_console.screens.runs_parts import RunsParts
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
from heimdall_console.widgets.run_table import RunTable

if TYPE_CHECKING:
    from heimdall_console.run_index import RunSummary

_FEW_ROWS: Final = 500
_LOCAL_FIRST_S: Final = 5.0
"""For how long MLflow's rows wait for those of this disk; it may hang."""


class RunsReading(RunsParts):
    """The part of the screen Runs that takes in what its sources post."""

    def __init__(self) -> None:
        super().__init__()
        self._local: LocalDetails | None = None
        self._tracking: TrackingSource | None = None
        self._tracked_figures: TrackedFigures | None = None
        self.tracked_count = 0
        self.tracking_state = "reading"
        self._held: list[TrackedRunsRead] | None = []

    @abstractmethod
    def arrange_soon(self) -> None:
        """Filter, sort and group anew in a moment, once for everything that comes until then."""

    @abstractmethod
    def show_tracking(self) -> None:
        """Say how far MLflow is read."""

    @abstractmethod
    def show_emptiness(self) -> None:
        """Say so where there is nothing."""

    @abstractmethod
    def show_preview(self) -> None:
        """Show the run under the cursor."""

    def begin_reading(self) -> None:
        """Read this disk and MLflow, the first time that it is called."""
        app = self.console_app
        if self._local is None:
            from training_core.contract.home import runs_folder

            self._local = LocalDetails(self, runs_folder(app.home))
            self._local.start()
            self.run_in_thread(self.read_archive, self.take_archive)
            self.start_tracking()
            self.set_timer(_LOCAL_FIRST_S, self._take_held)

    @abstractmethod
    def read_archive(self) -> frozenset[str]:
        """The runs that are put away."""

    @abstractmethod
    def take_archive(self, archived: frozenset[str]) -> None:
        """Hide the runs that are put away."""

    def start_tracking(self) -> None:
        """Read MLflow, from its beginning."""
        for source in (self._tracking, self._tracked_figures):
            if source is not None:
                source.stop()
        self._tracking = TrackingSource(self, self.console_app.tracking)
        self._tracked_figures = TrackedFigures(self, self.console_app.tracking)
        self.tracked_count, self.tracking_state = 0, "reading"
        self._tracking.start()
        self._tracked_figures.start()
        self.show_tracking()

    def on_unmount(self) -> None:
        """Stop reading."""
        for source in (self._local, self._tracking, self._tracked_figures):
            if source is not None:
                source.stop()

    def runs_changed(self, runs: Sequence["RunSummary"]) -> None:
        """Take the runs of this disk."""
        self.runs.context.now_s = self.console_app.now()
        self._take_changes(self.runs.rows.take_local(runs))
        self._want_configs()
        self._take_held()

    @on(ConfigsRead)
    def _take_configs(self, event: ConfigsRead) -> None:
        changed: set[str] = set()
        for run_id, (params, tags) in event.configs.items():
            changed |= self.runs.rows.take_config(run_id, params, tags)
        self._take_changes(changed)

    @on(TrackedRunsRead)
    def _take_tracked(self, event: TrackedRunsRead) -> None:
        if self._held is not None:
            # A run of this disk would stand there as one of MLflow's, and open as one.
            self._held.append(event)
            return
        changed = self.runs.rows.take_tracked(
            event.rows, event.gone, is_first=event.is_first, is_last=event.is_last
        )
        if event.is_first:
            self.tracked_count = 0
        self.tracked_count += len(event.rows)
        was, self.tracking_state = self.tracking_state, "" if event.is_last else "reading"
        self.show_tracking()
        if changed:
            self._take_changes(changed)
        elif was != self.tracking_state:
            self.show_emptiness()

    def _take_held(self) -> None:
        held, self._held = self._held, None
        for event in held or ():
            self._take_tracked(event)

    @on(TrackedRunsFailed)
    def _tell_tracking_failure(self, event: TrackedRunsFailed) -> None:
        if self.tracking_state != "failed":
            self.console_app.remember_error(event.error)
        self.tracking_state = "failed"
        self.show_tracking()
        self.show_emptiness()

    @on(FiguresRead)
    def _take_figures(self, event: FiguresRead) -> None:
        for row, metric, figures in event.figures:
            self.runs.figures.put(row, metric, figures)
        if self.runs.needs_every_figure():
            self.arrange_soon()
        else:
            self.table.redraw()
        self.show_preview()

    def _take_changes(self, keys: set[str]) -> None:
        if keys:
            self.runs.learn(keys)
        if self.runs.total <= _FEW_ROWS:
            self.arrange_runs()
        else:
            self.arrange_soon()

    def read_again(self) -> None:
        """Read MLflow again, from its beginning."""
        if self._tracking is not None:
            self.tracking_state = "reading"
            self.show_tracking()
            self._tracking.read_everything()

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
