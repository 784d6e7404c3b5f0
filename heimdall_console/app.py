"""The console: six screens over one home, and what they share."""

import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import App
from textual.binding import BindingType
from textual.screen import Screen

from heimdall_console import theming
from heimdall_console.actions import everywhere
from heimdall_console.actions.action import Action
from heimdall_console.clipboard import clipboard_sequences
from heimdall_console.formatting import plain, shortened
from heimdall_console.messages import RunsRead, SourceFailed
from heimdall_console.partial_updates import send_changed_cells_only
from heimdall_console.preferences import Preferences
from heimdall_console.screens.base import BaseScreen, bindings_of
from heimdall_console.sources.runs import RunsSource
from heimdall_console.sources.thread import in_thread
from training_core.contract.errors import HeimdallError

if TYPE_CHECKING:
    from textual.command import Provider

    from heimdall_console.run_index import RunSummary
    from training_core.contract.jobs import JobArguments

_SAVE_AFTER_S = 0.5
_MINUTE_S = 60.0
_PREPARE_AFTER_S = 0.5


@dataclass
class Selection:
    """What a person has chosen on one screen for another one to show."""

    run_ids: tuple[str, ...] = ()
    """Runs to watch; the first is the one that checkpoints and evaluations are shown of."""
    checkpoint: str = ""
    """Path of a checkpoint to evaluate."""
    config_from: str = ""
    """Run whose configuration is to be changed and launched again."""
    config_text: str = ""
    """Configuration, as TOML, of a run that is only in MLflow."""
    model: str = ""
    """Registered model."""


def _palette() -> "type[Provider]":
    from heimdall_console.palette import ActionProvider

    return ActionProvider


class HeimdallApp(App[str]):
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
    """

    TITLE = "heimdall"
    CSS_PATH = "app.tcss"
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {}
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings_of("app", [a for a in everywhere.ACTIONS if a.name != "command_palette"])
    ]
    COMMANDS: ClassVar["set[type[Provider] | Callable[[], type[Provider]]]"] = {_palette}

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
    ) -> None:
        send_changed_cells_only()
        # Textual reads the class's; which screen is the first depends on how we were called.
        self.DEFAULT_MODE = "live" if run_ids else "runs"  # type: ignore[misc]
        self.preferences = preferences or Preferences(None)
        self._first_theme, self._theme_errors = theming.usable_theme(
            theme or self.preferences.get("look", "theme", "")
        )
        super().__init__()
        self.register_theme(self._first_theme)
        self.set_reactive(App.theme, self._first_theme.name)
        self.animation_level = "none"
        self.home = home
        self.readonly = readonly
        self.ascii_only = ascii_only
        self.now = clock
        self.host = host or platform.node().partition(".")[0]
        self.runs: tuple[RunSummary, ...] | None = None
        self.jobs: tuple[Any, ...] | None = None
        self.selection = Selection(run_ids=run_ids)
        self.errors: list[tuple[BaseException, str]] = []
        self._trail: list[str] = []
        self._keys: dict[str, str] = {}
        self._runs_source = RunsSource(self, home)
        self._modes = {mode: _screen_maker(mode) for mode in everywhere.MODES}

    # Beginning and end.

    def on_mount(self) -> None:
        """Say what was wrong with the theme, and begin to read."""
        for error in self._theme_errors:
            self.show_error(error)
        self._runs_source.start()
        self.set_interval(_MINUTE_S, self._minute_passed)
        self.set_timer(_PREPARE_AFTER_S, self._prepare)

    def _prepare(self) -> None:
        """Load what the other screens need, so that a key shows them at once."""

        def load() -> dict[str, str]:
            from heimdall_console.settings import load_settings

            for mode in everywhere.MODES:
                import_module(f"heimdall_console.screens.{mode}")
            return load_settings().console.keys

        async def work() -> None:
            try:
                self.use_keys(await in_thread(load))
            except HeimdallError as error:
                self.show_error(error)

        self.run_worker(work(), exit_on_error=False)

    def use_keys(self, keys: Mapping[str, str]) -> None:
        """Give actions other keys than their own: `live.stop` → `ctrl+x`."""
        self._keys = dict(keys)
        self.set_keymap(self._keys)
        for screen in self._open_screens():
            screen.refresh_hints()

    def with_keys(self, prefix: str, actions: Iterable[Action]) -> tuple[Action, ...]:
        """Actions with the keys that the person has given them."""
        return tuple(
            replace(action, keys=self._keys.get(f"{prefix}.{action.name}", action.keys))
            for action in actions
        )

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own names of colors, also under a theme of Textual's that lacks them."""
        return self._first_theme.variables

    async def on_unmount(self) -> None:
        """Stop reading, and keep what was chosen."""
        self._runs_source.stop()
        self.preferences.save()

    # What is read.

    @on(RunsRead)
    def _take_runs(self, event: RunsRead) -> None:
        self.runs = event.runs
        for screen in self._open_screens():
            screen.take_runs(event.runs)

    def take_jobs(self, jobs: tuple[Any, ...]) -> None:
        """Hand the jobs of this home to every screen."""
        self.jobs = jobs
        for screen in self._open_screens():
            screen.jobs_changed(jobs)

    @on(SourceFailed)
    def _tell_failure(self, event: SourceFailed) -> None:
        self.remember_error(event.error)
        self.notify(
            plain(f"{event.name}: {event.error}"), severity="warning", markup=False, timeout=8
        )

    def _open_screens(self) -> list[BaseScreen]:
        """The screens of all modes that exist so far."""
        return [
            screen
            for stack in self._screen_stacks.values()
            for screen in stack
            if isinstance(screen, BaseScreen) and screen.is_running
        ]

    def _minute_passed(self) -> None:
        for screen in self._open_screens():
            if screen.is_current:
                screen.minute_passed()

    # Going about.

    def show(self, mode: str) -> None:
        """Show one of the six screens."""
        if mode != self.current_mode:
            self._trail = [*self._trail, self.current_mode][-20:]
            self.switch_mode(mode)
        elif isinstance(self.screen, BaseScreen):
            self.screen.on_shown()

    def go_back(self) -> None:
        """Show the screen before this one."""
        if self._trail:
            self.switch_mode(self._trail.pop())

    def show_live(self, *run_ids: str) -> None:
        """Watch some runs; those that were watched before when none is given."""
        self.selection.run_ids = run_ids or self.selection.run_ids
        self.show("live")

    def show_checkpoints(self, run_id: str = "") -> None:
        """Browse the checkpoints of a run."""
        self.selection.run_ids = (run_id,) if run_id else self.selection.run_ids
        self.show("checkpoints")

    def show_configure(self, from_run: str = "", text: str = "") -> None:
        """Set up a run, from another one or from its TOML."""
        self.selection.config_from, self.selection.config_text = from_run, text
        self.show("configure")

    def show_models(self, name: str = "") -> None:
        """Browse a registered model."""
        self.selection.model = name or self.selection.model
        self.show("models")

    def show_evaluate(self, run_id: str = "", checkpoint: str = "") -> None:
        """Judge a checkpoint."""
        self.selection.run_ids = (run_id,) if run_id else self.selection.run_ids
        self.selection.checkpoint = checkpoint
        self.show("evaluate")

    def action_show_runs(self) -> None:
        """Key 1."""
        self.show("runs")

    def action_show_configure(self) -> None:
        """Key 2."""
        self.show("configure")

    def action_show_live(self) -> None:
        """Key 3."""
        self.show("live")

    def action_show_checkpoints(self) -> None:
        """Key 4."""
        self.show("checkpoints")

    def action_show_models(self) -> None:
        """Key 5."""
        self.show("models")

    def action_show_evaluate(self) -> None:
        """Key 6."""
        self.show("evaluate")

    def action_help(self) -> None:
        """Explain what has the focus."""
        if isinstance(self.screen, BaseScreen):
            self.screen.explain_focus()

    async def action_back(self) -> None:
        """Leave a text field, close what is open, or go to the screen before."""
        if isinstance(self.screen, BaseScreen):
            self.screen.step_back()

    async def action_quit(self) -> None:
        """Leave; the last line on the terminal says what keeps running."""
        live = [run for run in self.runs or () if not run.status.has_ended]
        names = ", ".join(plain(run.info.name) for run in live[:3])
        more = f" and {len(live) - 3} more" if len(live) > 3 else ""
        verb = "keeps" if len(live) == 1 else "keep"
        said = f"{names}{more} {verb} running; `heimdall-console` shows them again" if live else ""
        self.exit(said)

    # What the screens share.

    def start_job(self, kind: str, arguments: "JobArguments", title: str) -> None:
        """Start a job beside the console; the jobs panel follows it."""
        from heimdall_console.launcher import start_worker
        from training_core.contract.jobs import create_job

        def start() -> None:
            start_worker(create_job(self.home, kind, arguments))

        async def work() -> None:
            try:
                await in_thread(start)
            except Exception as error:
                self.show_error(error)
            else:
                self.notify(f"Started: {plain(title)}", markup=False)

        self.run_worker(work(), exit_on_error=False)

    def copy(self, text: str) -> None:
        """Copy to the clipboard of the person's own machine, also through tmux."""
        self._clipboard = text
        if self._driver is not None:
            for sequence in clipboard_sequences(text, os.environ):
                self._driver.write(sequence)
        self.notify(f"Copied  {shortened(plain(text), 200)}", markup=False)

    def remember_error(self, error: BaseException) -> None:
        """Keep an error for `last_error`."""
        self.errors = [*self.errors, (error, "")][-20:]

    def show_error(self, error: BaseException) -> None:
        """Show an error in four sentences."""
        from heimdall_console.screens.dialogs.error_page import ErrorPage

        self.remember_error(error)
        self.push_screen(ErrorPage(error))

    def action_last_error(self) -> None:
        """Show the last error again."""
        if self.errors:
            from heimdall_console.screens.dialogs.error_page import ErrorPage

            self.push_screen(ErrorPage(*self.errors[-1]))
        else:
            self.notify("Nothing has failed", markup=False)

    def action_choose_theme(self) -> None:
        """Choose colors."""
        from heimdall_console.screens.dialogs.theme_picker import ThemePicker

        names = []
        for name, path in theming.theme_files().items():
            try:
                self.register_theme(theming.load_theme(path))
                names.append(name)
            except HeimdallError as error:
                self.remember_error(error)
                self.notify(plain(error), severity="warning", markup=False)

        def keep(name: str | None) -> None:
            if name:
                self.remember("look", "theme", name)

        self.push_screen(ThemePicker(names), keep)

    def remember(self, section: str, key: str, value: Any) -> None:
        """Keep a choice for the next time."""
        self.preferences.set(section, key, value)
        self.set_timer(_SAVE_AFTER_S, self._save_preferences)

    def _save_preferences(self) -> None:
        if self.preferences.is_changed:
            self.run_worker(in_thread(self.preferences.save), exit_on_error=False)

    def action_save_picture(self) -> None:
        """Save a picture of the screen."""
        from heimdall_console.pictures import save_picture

        svg = self.export_screenshot(title=f"heimdall {self.current_mode}")

        async def work() -> None:
            try:
                path = await in_thread(lambda: save_picture(svg, self.current_mode, self.home))
            except HeimdallError as error:
                self.show_error(error)
            else:
                self.notify(f"Saved {plain(path)}", markup=False)

        self.run_worker(work(), exit_on_error=False)

    def action_show_jobs(self) -> None:
        """Show the jobs panel."""
        from heimdall_console.screens.jobs import JobsPanel

        self.push_screen(JobsPanel())


def _screen_maker(mode: str) -> Callable[[], Screen[Any]]:
    """Importing a screen waits until it is shown: only the first one counts at the start."""

    def make() -> Screen[Any]:
        module = import_module(f"heimdall_console.screens.{mode}")
        screen: Screen[Any] = getattr(module, f"{mode.capitalize()}Screen")()
        return screen

    return make
