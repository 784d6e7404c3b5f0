"""Which runs the screen Live reads, and what it knows of them."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import on

from heimdall_console.screens.live_actions import LiveActions
from heimdall_console.sources.run import OutputRead, RunRead, RunSource, RunView

if TYPE_CHECKING:
    from heimdall_console.run_index import RunSummary


class LiveWatching(LiveActions):
    """The part of the screen Live that has its sources."""

    def __init__(self) -> None:
        super().__init__()
        self._sources: dict[str, RunSource] = {}
        self._views: dict[str, RunView] = {}
        self.output: dict[str, tuple[str, ...]] = {}
        """What processes of runs printed."""

    @abstractmethod
    def draw_soon(self) -> None:
        """Draw what has changed, three times a second at most."""

    @abstractmethod
    def show_empty(self) -> None:
        """Say that there is no run, where there is none."""

    def on_unmount(self) -> None:
        """Stop reading."""
        for source in self._sources.values():
            source.stop()

    @property
    def views(self) -> list[RunView]:
        """The runs that are read, the one that matters first."""
        ids = self.console_app.selection.run_ids
        ordered = sorted(ids, key=lambda run_id: run_id != self.current_id)
        return [self._views[run_id] for run_id in ordered if run_id in self._views]

    @property
    def current(self) -> RunView | None:
        """The run that keys mean."""
        return self._views.get(self.current_id)

    @property
    def ghost(self) -> RunView | None:
        """The run behind the one that is watched."""
        return self._views.get(self.ghost_id) if self.ghost_id else None

    # What is watched.

    def on_shown(self) -> None:
        """Watch what is chosen."""
        self._choose_run()
        self.watch_chosen()

    def runs_changed(self, runs: Sequence["RunSummary"]) -> None:
        """Take a run where none is chosen, and look for an earlier one to compare with."""
        if not self.console_app.selection.run_ids and self.is_current:
            self._choose_run()
            self.watch_chosen()
        else:
            self.choose_best_ghost()
        self.show_empty()

    def _choose_run(self) -> None:
        """The newest living run, or the newest, where nobody has chosen one."""
        app = self.console_app
        if not app.selection.run_ids and app.runs:
            living = [run for run in app.runs if run.status.value in ("running", "paused")]
            app.selection.run_ids = ((living or list(app.runs))[0].info.id,)

    def watch_chosen(self) -> None:
        """Read the chosen runs, and no others any more."""
        chosen = self.console_app.selection.run_ids
        if self.current_id not in chosen:
            self.current_id = chosen[0] if chosen else ""
            self.forget_place()
        self.choose_best_ghost()
        wanted = {*chosen, *([self.ghost_id] if self.ghost_id else [])}
        for run_id in self._sources.keys() - wanted:
            self._sources.pop(run_id).stop()
            self._views.pop(run_id, None)
            self.output.pop(run_id, None)
        for run_id in sorted(wanted - self._sources.keys()):
            self._start(run_id)
        self._want_output()
        self.show_empty()
        self.draw_all()

    def _start(self, run_id: str) -> None:
        from training_core.contract.home import runs_folder
        from training_core.contract.run_dir import RunDir

        run = RunDir(runs_folder(self.console_app.home) / run_id)
        self._sources[run_id] = RunSource(self, run, self.smoothing)
        self._sources[run_id].start()

    def use_smoothing(self) -> None:
        """Let every run be smoothed as chosen."""
        for source in self._sources.values():
            source.smoothing = self.smoothing
            source.wake()

    def _want_output(self) -> None:
        for run_id, source in self._sources.items():
            wants = self.shows_output and run_id == self.current_id
            if source.wants_output != wants:
                source.wants_output = wants
                source.wake()

    @on(RunRead)
    def _take_view(self, event: RunRead) -> None:
        view = event.view
        if view.run_id not in self._sources:
            return
        is_first = view.run_id not in self._views
        self._views[view.run_id] = view
        if is_first and view.run_id == self.current_id:
            self.choose_best_ghost()
        self.draw_soon()

    @on(OutputRead)
    def _take_output(self, event: OutputRead) -> None:
        self.output[event.run_id] = event.lines
        self.draw_log()
