"""The console: six screens over one home, and what they share."""

import asyncio
import os
import platform
import signal
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.segment import Segments
from textual import on
from textual.binding import BindingType
from textual.css.query import NoMatches
from textual.driver import Driver
from textual.screen import Screen
from textual.widgets import Input, TextArea

from heimdall_console.actions import everywhere
from heimdall_console.actions.action import keys_text
from heimdall_console.app_navigation import Navigation, Selection, screen_maker
from heimdall_console.formatting import plain
from heimdall_console.messages import RunsRead, SourceFailed
from heimdall_console.painting import paint_each_cell_once
from heimdall_console.partial_updates import send_changed_cells_only
from heimdall_console.preferences import Preferences
from heimdall_console.screens.base import BaseScreen, JobsView, bindings_of
from heimdall_console.sources.jobs import JobsChanged, JobsSource
from heimdall_console.sources.runs import RunsSource
from heimdall_console.sources.thread import in_thread
from heimdall_console.terminal_input import reading_driver
from training_core.contract.errors import HeimdallError

if TYPE_CHECKING:
    from heimdall_console.actions.action import Action
    from heimdall_console.job_rows import JobRow
    from heimdall_console.run_index import RunSummary
    from heimdall_console.tour.guide import Guide

_MINUTE_S = 60.0
_PREPARE_AFTER_S = 0.5
_OTHERS_AFTER_S = 0.6


class HeimdallApp(Navigation):
    """The terminal app.

    Args:
        home: Where runs, datasets and models live.
        run_ids: Runs to watch at once; the list of runs is shown when empty.
        readonly: Whether nothing may be started, changed or removed from here.
        ascii_only: Whether only ASCII characters may be drawn.
        theme: Name of a theme; the remembered one when empty.
        preferences: What is remembered; in memory only when None.
        clock: Seconds since 1970.
        host: Name of the machine.
        guide: What a tour says on every screen; None outside of one.
    """

    TITLE = "heimdall"
    CSS_PATH = "app.tcss"
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {}
    # Textual's own palette loses its head when it is typed at faster than it is drawn.
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_of("app", everywhere.ACTIONS)]

    def __init__(
        self,
        home: Path,
        *,
        run_ids: tuple[str, ...] = (),
        readonly: bool = False,
        ascii_only: bool = False,
        theme: str = "",
        preferences: Preferences | None = None,
        clock: Callable[[], float] = time.time,
        host: str = "",
        guide: "Guide | None" = None,
    ) -> None:
        paint_each_cell_once()
        send_changed_cells_only()
        # Textual reads the class's; which screen is the first depends on how we were called.
        self.DEFAULT_MODE = "live" if run_ids else "runs"  # type: ignore[misc]
        super().__init__(home, theme, preferences)
        self.readonly = readonly
        self.ascii_only = ascii_only
        self.driver_class = reading_driver(self.driver_class)
        if ascii_only:
            from heimdall_console.ascii_driver import ascii_driver

            self.driver_class = ascii_driver(self.driver_class)
        self.now = clock
        self.host = host or platform.node().partition(".")[0]
        self.guide = guide
        if guide is not None:
            self.bind("f10", "hide_guide", show=False)
        self.runs: tuple[RunSummary, ...] | None = None
        self.jobs: tuple[JobRow, ...] | None = None
        self.selection = Selection(run_ids=run_ids)
        self._trail: list[str] = []
        self._runs_source = RunsSource(self, home)
        self._jobs_source = JobsSource(self, home)
        self._modes = {mode: screen_maker(mode) for mode in everywhere.MODES}

    # Beginning and end.

    def on_mount(self) -> None:
        """Say what was wrong with the theme, and begin to read."""
        for error in self._theme_errors:
            self.show_error(error)
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGTERM, self.exit)
            loop.add_signal_handler(signal.SIGHUP, self._end_without_terminal)
        if self.selection.run_ids:
            # The run that was asked for comes first: reading all the others takes as long.
            self.set_timer(_OTHERS_AFTER_S, self._runs_source.start)
        else:
            self._runs_source.start()
        self.set_interval(_MINUTE_S, self._minute_passed)
        others_s = _OTHERS_AFTER_S if self.selection.run_ids else 0.0
        self.set_timer(_PREPARE_AFTER_S + others_s, self._prepare)

    def _prepare(self) -> None:
        """Load what the other screens need, so that a key shows them at once."""
        self._jobs_source.start()

        def load() -> dict[str, str]:
            from heimdall_console.settings import load_settings

            for mode in everywhere.MODES:
                import_module(f"heimdall_console.screens.{mode}")
            return load_settings().console.keys

        async def work() -> None:
            try:
                self.use_keys(await in_thread(load))
                for screen in self.open_screens():
                    screen.refresh_hints()
            except HeimdallError as error:
                self.show_error(error)

        self.run_worker(work(), exit_on_error=False)

    async def on_unmount(self) -> None:
        """Stop reading, and keep what was chosen."""
        self._runs_source.stop()
        self._jobs_source.stop()
        await self.stop_tracking()
        self.preferences.save()

    # What is read.

    @on(RunsRead)
    def _take_runs(self, event: RunsRead) -> None:
        self.runs = event.runs
        for screen in self.open_screens():
            screen.take_runs(event.runs)

    @on(JobsChanged)
    def _take_jobs(self, event: JobsChanged) -> None:
        before, self.jobs = self.jobs, event.jobs
        for screen in self.open_screens():
            screen.jobs_changed(event.jobs)
        for panel in self.screen_stack:
            if isinstance(panel, JobsView):
                panel.jobs_changed(event.jobs)
        if before is not None:
            self._tell_ends(before, event.jobs)

    def _tell_ends(self, before: "tuple[JobRow, ...]", after: "tuple[JobRow, ...]") -> None:
        from heimdall_console.job_text import end_text

        living = {job.id for job in before if not job.status.has_ended}
        for job in after:
            if job.id in living and job.status.has_ended:
                self.notify(
                    end_text(job),
                    severity="information" if job.error is None else "error",
                    markup=False,
                    timeout=8,
                )

    def look_at_jobs(self) -> None:
        """Look at the jobs now: one was started or ended."""
        self._jobs_source.wake()

    @on(SourceFailed)
    def _tell_failure(self, event: SourceFailed) -> None:
        self.remember_error(event.error)
        self.notify(
            plain(f"{event.name}: {event.error}"), severity="warning", markup=False, timeout=8
        )

    def _minute_passed(self) -> None:
        for screen in self.open_screens():
            if screen.is_current:
                screen.minute_passed()

    def action_command_palette(self) -> None:
        """Find an action."""
        from heimdall_console.screens.dialogs.action_palette import ActionPalette

        screen = self.screen
        if not isinstance(screen, BaseScreen | JobsView):
            return
        always = self.with_keys("app", everywhere.ACTIONS) if isinstance(screen, BaseScreen) else ()
        actions = [a for a in (*screen.possible_actions(), *always) if a.name != "command_palette"]

        elsewhere = self.actions_elsewhere(screen.NAME) if isinstance(screen, BaseScreen) else ()

        async def do(found: "tuple[str, Action] | None") -> None:
            if found is None:
                return
            mode, action = found
            if mode:
                # What it would be done to is chosen there, and not seen yet.
                self.show(mode)
                keys = f"{keys_text(action.keys)}  " if action.keys else ""
                self.notify(f"{keys}{action.help}", markup=False)
                return
            is_own = hasattr(screen, f"action_{action.name}")
            await self.run_action(action.name, default_namespace=screen if is_own else self)

        self.push_screen(ActionPalette(actions, elsewhere), do)

    def action_hide_guide(self) -> None:
        """Say no more of the tour."""
        if self.guide is not None:
            self.guide.is_wanted = False
            for screen in self.open_screens():
                screen.follow_guide()

    def _handle_exception(self, error: Exception) -> None:
        # Whoever quits while a dialog opens takes its widgets away from under it.
        if not (self._exit and isinstance(error, NoMatches)):
            super()._handle_exception(error)

    def _end_without_terminal(self) -> None:
        """The terminal is gone: keep what was chosen, and wait for nobody to draw the end."""
        self.preferences.save()
        os._exit(128 + signal.SIGHUP)

    def _fatal_error(self) -> None:
        """Show a bug's traceback without the values in it, which may be secrets."""
        from rich.traceback import Traceback

        self.bell()
        traceback = Traceback(width=None, show_locals=False)
        self._exit_renderables.append(
            Segments(self.console.render(traceback, self.console.options))
        )
        self._close_messages_no_wait()

    def action_help_quit(self) -> None:
        """Ctrl+C leaves nothing, but who presses it wants to."""
        key = keys_text(self.with_keys("app", [everywhere.QUIT])[0].keys)
        self.notify(f"{key} leaves the console; what trains goes on", markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Refuse to suspend while somebody types: an editor takes back by the same key."""
        is_typing = isinstance(self.focused, Input | TextArea)
        return not (is_typing and action == "suspend_process")

    @on(Driver.SignalResume)
    def _draw_again(self) -> None:
        """The shell has had the terminal: nothing of what was drawn is there any more."""
        self.refresh(layout=True)

    async def action_quit(self) -> None:
        """Leave; the last line on the terminal says what keeps running."""
        if self.guide is not None:
            self.exit("The tour is over; `heimdall-console` shows runs of your own")
            return
        live = [run for run in self.runs or () if not run.status.has_ended]
        names = ", ".join(plain(run.info.name) for run in live[:3])
        more = f" and {len(live) - 3} more" if len(live) > 3 else ""
        verb, them = ("keeps", "it") if len(live) == 1 else ("keep", "them")
        said = f"{names}{more} {verb} running; `heimdall-console` shows {them} again"
        self.exit(said if live else "")
