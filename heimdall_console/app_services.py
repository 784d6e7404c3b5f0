"""What every screen may ask of the app: errors, the clipboard, colors, pictures, jobs, choices."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.worker import Worker, WorkerState

from heimdall_console import theming
from heimdall_console.actions.action import Action
from heimdall_console.clipboard import clipboard_sequences
from heimdall_console.formatting import plain, shortened
from heimdall_console.preferences import Preferences
from heimdall_console.sources.thread import in_thread
from training_core.contract.errors import HeimdallError

if TYPE_CHECKING:
    from heimdall_console.sources.tracking_reader import TrackingReader
    from training_core.contract.jobs import JobArguments

_SAVE_AFTER_S = 0.5


class Services(App[str]):
    """The part of the app that knows neither screens nor runs.

    Args:
        home: Where runs, datasets and models live.
        theme: Name of a theme; the remembered one when empty.
        preferences: What is remembered; in memory only when None.
    """

    def __init__(self, home: Path, theme: str, preferences: Preferences | None) -> None:
        self.home = home
        self.preferences = preferences or Preferences(None)
        self._first_theme, self._theme_errors = theming.usable_theme(
            theme or self.preferences.get("look", "theme", "")
        )
        super().__init__()
        self.register_theme(self._first_theme)
        self.set_reactive(App.theme, self._first_theme.name)
        self.animation_level = "none"
        self._errors: list[BaseException] = []
        self._keys: dict[str, str] = {}
        self._tracking: TrackingReader | None = None
        self._copied = ("", 0)

    @property
    def tracking(self) -> "TrackingReader":
        """The process that reads MLflow for every screen; the first request starts it."""
        if self._tracking is None:
            from heimdall_console.sources.tracking_reader import TrackingReader

            self._tracking = TrackingReader(self.home, self.preferences.get("tracking", "uri", ""))
        return self._tracking

    async def read_tracking_at(self, uri: str) -> None:
        """Read another MLflow from now on; empty for that of the environment or the home."""
        self.remember("tracking", "uri", uri)
        await self.stop_tracking()

    async def stop_tracking(self) -> None:
        """End the process that reads MLflow."""
        reader, self._tracking = self._tracking, None
        if reader is not None:
            await in_thread(reader.close)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own names of colors, also under a theme of Textual's that lacks them."""
        return self._first_theme.variables

    def use_keys(self, keys: Mapping[str, str]) -> None:
        """Give actions other keys than their own: `live.stop` → `ctrl+x`."""
        self._keys = dict(keys)
        self.set_keymap(self._keys)

    def with_keys(self, prefix: str, actions: Iterable[Action]) -> tuple[Action, ...]:
        """Actions with the keys that the person has given them."""
        return tuple(
            replace(action, keys=self._keys.get(f"{prefix}.{action.name}", action.keys))
            for action in actions
        )

    def start_job(self, kind: str, arguments: "JobArguments", title: str) -> None:
        """Start a job beside the console; the jobs panel follows it."""
        from heimdall_console.job_control import start_job

        def start() -> None:
            start_job(self.home, kind, arguments)

        async def work() -> None:
            try:
                await in_thread(start)
            except Exception as error:
                self.show_error(error)
            else:
                self.notify(f"Started: {plain(title)}  (J shows jobs)", markup=False)
                self.look_at_jobs()

        self.run_worker(work(), exit_on_error=False)

    def look_at_jobs(self) -> None:
        """Look at the jobs now: one was started or ended."""

    def copy(self, text: str) -> None:
        """Copy to the clipboard of the person's own machine, also through tmux."""
        self._clipboard = text
        if self._driver is not None:
            for sequence in clipboard_sequences(text, os.environ):
                self._driver.write(sequence)
        self.notify(f"Copied  {shortened(plain(text), 200)}", markup=False)

    def copy_in_turn(self, key: str, texts: Sequence[str]) -> None:
        """Copy the first text of what a key names; asked again for the same, the next one."""
        key = f"{self.current_mode} {key}"
        turn = (self._copied[1] + 1) % len(texts) if key == self._copied[0] else 0
        self._copied = key, turn
        self.copy(texts[turn])

    def remember_error(self, error: BaseException) -> None:
        """Keep an error for `last_error`."""
        self._errors = [*self._errors, error][-20:]

    def show_error(self, error: BaseException) -> None:
        """Show an error in four sentences."""
        from heimdall_console.screens.dialogs.error_page import ErrorPage

        self.remember_error(error)
        self.push_screen(ErrorPage(error))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Show what failed in the background of the app itself; screens do so for theirs."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.show_error(event.worker.error)

    def action_last_error(self) -> None:
        """Show the last error again."""
        if self._errors:
            from heimdall_console.screens.dialogs.error_page import ErrorPage

            self.push_screen(ErrorPage(self._errors[-1]))
        else:
            self.notify("Nothing has failed", markup=False)

    def action_show_doctor(self) -> None:
        """Say what of this machine is fit."""
        from heimdall_console.screens.dialogs.doctor_page import DoctorPage

        self.push_screen(DoctorPage(self.home, ascii_only=getattr(self, "ascii_only", False)))

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
