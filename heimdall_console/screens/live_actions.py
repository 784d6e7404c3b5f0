"""What can be done on the screen Live: to the view, and to the run."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Final

from textual.widgets import Input

from heimdall_console.formatting import plain
from heimdall_console.live_charts import SMOOTHINGS, LiveChoices, longest_places, time_at, x_at
from heimdall_console.live_memory import SECTION, choices_to_keep
from heimdall_console.run_lines import LEVELS, Level
from heimdall_console.run_places import X_UNITS
from heimdall_console.screens import run_control
from heimdall_console.screens.base import BaseScreen
from heimdall_console.sources.thread import in_thread
from training_core.contract.errors import HeimdallError

if TYPE_CHECKING:
    from heimdall_console.run_index import RunSummary
    from heimdall_console.sources.run import RunView
    from heimdall_console.widgets.log_pane import LogPane
    from heimdall_console.widgets.metric_chart import MetricChart
    from heimdall_console.widgets.metric_grid import MetricGrid

_OF_LIVING: Final = ("pause", "checkpoint", "validate", "stop", "learning_rate", "extend")
_LEVEL_TURN: Final[tuple[Level, ...]] = ("info", "warning", "error", "debug")
_SAID: Final[dict[Level, str]] = {
    "info": "All lines",
    "warning": "Warnings and errors only",
    "error": "Errors only",
    "debug": "All lines, with debugging",
}


class LiveActions(BaseScreen):
    """The part of the screen Live that acts."""

    choices: LiveChoices
    smoothing: float = 0.0
    grid_shape: tuple[int, int] = (0, 0)
    hardware_wish: str = "auto"
    wants_ghost: bool = True
    current_id: str = ""
    ghost_id: str = ""
    gpu: int | None = None
    shows_output: bool = False
    shows_hardware: bool = False
    _chosen_ghost: str = ""
    _copied: tuple[str, int] = ("", 0)

    @property
    @abstractmethod
    def grid(self) -> "MetricGrid":
        """The charts."""

    @property
    @abstractmethod
    def log_pane(self) -> "LogPane":
        """The log."""

    @property
    @abstractmethod
    def views(self) -> "list[RunView]":
        """The runs that are read."""

    @property
    @abstractmethod
    def current(self) -> "RunView | None":
        """The run that keys mean."""

    @abstractmethod
    def watch_chosen(self) -> None:
        """Read the chosen runs."""

    @abstractmethod
    def use_smoothing(self) -> None:
        """Let every run be smoothed as chosen."""

    @abstractmethod
    def draw_all(self) -> None:
        """Draw what has changed."""

    @abstractmethod
    def draw_charts(self) -> None:
        """Draw charts and hardware."""

    @abstractmethod
    def draw_log(self) -> None:
        """Draw the log."""

    @abstractmethod
    def arrange_parts(self) -> None:
        """Give every part its room."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what makes sense for the run as it is."""
        if not super().check_action(action, parameters):
            return False
        current = self.current if self.is_mounted else None
        ended = current is not None and current.status.has_ended
        if action in _OF_LIVING:
            is_queued = current is not None and current.status.value == "queued"
            return current is not None and not ended and (action == "stop" or not is_queued)
        if action == "resume":
            return ended
        if action == "rerun":
            return current is not None
        if action == "traceback":
            return current is not None and current.status.value in ("failed", "crashed", "killed")
        if action in ("previous_run", "next_run"):
            return len(self.console_app.selection.run_ids) > 1
        return True

    # The run.

    def action_pause(self) -> None:
        """Hold the training, or let it go on."""
        self.start(run_control.pause_or_resume(self, self.current_id))

    def action_checkpoint(self) -> None:
        """Save a checkpoint."""
        self.start(run_control.checkpoint_now(self, self.current_id))

    def action_validate(self) -> None:
        """Validate."""
        self.start(run_control.validate_now(self, self.current_id))

    def action_stop(self) -> None:
        """Ask how the run is to end."""
        self.start(run_control.stop(self, self.current_id))

    def action_learning_rate(self) -> None:
        """Ask for another learning rate."""
        current = self.current
        rate = current.history.progress.latest.get("learning_rate") if current else None
        self.start(run_control.set_learning_rate(self, self.current_id, rate))

    def action_extend(self) -> None:
        """Ask for another number of epochs."""
        current = self.current
        planned = current.history.progress.epochs if current else None
        self.start(run_control.extend_epochs(self, self.current_id, planned))

    def action_resume(self) -> None:
        """Let the run go on."""
        self.start(run_control.resume_ended(self, self.current_id))

    def action_rerun(self) -> None:
        """Configure a new run from this one."""
        self.start(run_control.rerun(self, self.current_id))

    def action_traceback(self) -> None:
        """Show why the run failed."""
        current = self.current
        if current is None:
            return
        from heimdall_console.following.reading import crash_error
        from heimdall_console.screens.dialogs.error_page import ErrorPage
        from training_core.contract.home import runs_folder
        from training_core.contract.run_dir import RunDir

        run = RunDir(runs_folder(self.console_app.home) / current.run_id)
        progress = current.history.progress
        is_said = current.status.value != "crashed"
        said = [line.text for line in current.history.lines if line.level == "error"]

        def show(error: HeimdallError) -> None:
            # What the worker printed last holds the traceback that its log may lack.
            detail = "\n".join([*said, "", error.why])
            self.app.push_screen(ErrorPage(progress.failure() if is_said else error, detail))

        self.run_in_thread(lambda: crash_error(run), show)

    def action_copy(self) -> None:
        """Copy id, name or path."""
        current = self.current
        if current is None:
            return
        from training_core.contract.home import runs_folder

        last_id, turn = self._copied
        turn = (turn + 1) % 3 if last_id == current.run_id else 0
        self._copied = (current.run_id, turn)
        path = runs_folder(self.console_app.home) / current.run_id
        self.console_app.copy((current.run_id, current.name, str(path))[turn])

    # Runs.

    def action_previous_run(self) -> None:
        """Mean the run before."""
        self._turn_run(-1)

    def action_next_run(self) -> None:
        """Mean the next run."""
        self._turn_run(1)

    def _turn_run(self, direction: int) -> None:
        ids = self.console_app.selection.run_ids
        if self.current_id in ids:
            self.current_id = ids[(ids.index(self.current_id) + direction) % len(ids)]
            self.choices.cursor_x = None
            self.log_pane.action_follow()
            self.watch_chosen()

    def action_add_run(self) -> None:
        """Choose a run to lay over, or to take away."""
        self.start(self._add_run())

    async def _add_run(self) -> None:
        from heimdall_console.screens.dialogs.choice_picker import ChoicePicker

        selection = self.console_app.selection
        shown = selection.run_ids
        choices = [
            (run.info.id, f"{plain(run.info.name)}{'  shown' if run.info.id in shown else ''}")
            for run in self.console_app.runs or ()
        ]
        run_id = await self.app.push_screen_wait(ChoicePicker("Add or take away a run", choices))
        if not run_id:
            return
        if run_id in shown:
            selection.run_ids = tuple(i for i in shown if i != run_id) or shown
        else:
            selection.run_ids = (*shown, run_id)
        self.watch_chosen()

    def choose_best_ghost(self) -> None:
        """Show the best earlier run of the experiment behind a single run, where one is wanted."""
        found = ""
        current = self.current
        if self.wants_ghost and len(self.console_app.selection.run_ids) == 1:
            found = self._chosen_ghost
            if not found and current is not None:
                earlier = [run for run in self.console_app.runs or () if _is_before(run, current)]
                sign = 1.0 if current.mode == "min" else -1.0
                best = min(earlier, key=lambda run: sign * (run.best or 0.0), default=None)
                found = best.info.id if best is not None else ""
        if found == self.current_id:
            found = ""
        if found != self.ghost_id:
            self.ghost_id = found
            self.watch_chosen()

    def action_ghost(self) -> None:
        """Show or hide the run behind."""
        self.wants_ghost = not self.wants_ghost
        self.keep_choices()
        self.choose_best_ghost()
        self.draw_charts()
        if self.wants_ghost and not self.ghost_id:
            self.tell("No earlier run of this experiment has a best value to compare with")

    def action_choose_ghost(self) -> None:
        """Choose the run behind."""
        self.start(self._choose_ghost())

    async def _choose_ghost(self) -> None:
        from heimdall_console.screens.dialogs.choice_picker import ChoicePicker

        choices = [
            (run.info.id, plain(run.info.name))
            for run in self.console_app.runs or ()
            if run.info.id != self.current_id
        ]
        picker = ChoicePicker("Show behind this run", choices, self.ghost_id)
        run_id = await self.app.push_screen_wait(picker)
        if run_id:
            self._chosen_ghost, self.wants_ghost = run_id, True
            self.keep_choices()
            self.choose_best_ghost()

    def action_direction(self) -> None:
        """Ask which way a metric is better."""
        self.start(self._ask_direction(self.grid.focused_name))

    async def _ask_direction(self, name: str) -> None:
        from heimdall_console.screens.dialogs.choice_picker import ChoicePicker

        current = self.current
        if not name or current is None:
            return
        if name == current.monitor:
            word = "small" if current.mode == "min" else "large"
            self.tell(f"Its configuration says that {word} values of {name} are good")
            return
        choices = [("min", "small values are good"), ("max", "large values are good")]
        way = await self.app.push_screen_wait(
            ChoicePicker(
                f"Which way is {name} better?", choices, self.choices.directions.get(name, "")
            )
        )
        if way:
            self.choices.directions[name] = way
            self.console_app.remember("runs", "directions", dict(self.choices.directions))
            self.draw_charts()

    # The charts.

    def action_full_chart(self) -> None:
        """One chart for all of the room, or all charts."""
        grid = self.grid
        name = grid.focused_name
        grid.full_name = "" if grid.full_name else name
        self.arrange_parts()
        self.draw_charts()
        self.call_after_refresh(lambda: grid.focus_metric(name))

    def action_x_axis(self) -> None:
        """Turn the x axis to the next unit; the cursor stays where it is in time."""
        choices, current = self.choices, self.current
        time_s = None
        if current is not None and choices.cursor_x is not None:
            time_s = time_at(current, choices.x_unit, choices.cursor_x)
        choices.x_unit = X_UNITS[(X_UNITS.index(choices.x_unit) + 1) % len(X_UNITS)]
        choices.x_range = choices.cursor_x = None
        if current is not None and time_s is not None:
            places = longest_places(current)
            if places is not None:
                timeline = current.history.timeline
                choices.cursor_x = x_at(places, timeline, choices.x_unit, time_s)
        self.keep_choices()
        self.draw_charts()

    def action_smooth(self) -> None:
        """Smooth more."""
        self._smooth(1)

    def action_smooth_less(self) -> None:
        """Smooth less."""
        self._smooth(-1)

    def _smooth(self, direction: int) -> None:
        place = SMOOTHINGS.index(self.smoothing) + direction
        self.smoothing = SMOOTHINGS[min(max(0, place), len(SMOOTHINGS) - 1)]
        self.keep_choices()
        self.use_smoothing()
        self.draw_charts()

    def action_log_scale(self) -> None:
        """A logarithmic y axis, or a linear one."""
        name = self.grid.focused_name
        if name:
            self.choices.log_metrics ^= {name}
            self.keep_choices()
            self.draw_charts()

    def action_grid(self) -> None:
        """Choose how many charts."""
        from heimdall_console.screens.dialogs.grid_picker import GridPicker

        def preview(shape: tuple[int, int]) -> None:
            self.grid.columns, self.grid.rows = shape
            self.draw_charts()

        def keep(shape: tuple[int, int] | None) -> None:
            if shape is not None:
                self.grid_shape = shape
                self.keep_choices()

        self.app.push_screen(GridPicker(*self.grid_shape, preview), keep)

    def action_pin(self) -> None:
        """Keep a chart in front."""
        name, pins = self.grid.focused_name, self.choices.pins
        if not name:
            return
        if name in pins:
            pins.remove(name)
        else:
            pins.append(name)
        self.keep_choices()
        self.draw_charts()
        self.grid.focus_metric(name)

    def action_previous_page(self) -> None:
        """The page before."""
        self.grid.turn(-1)

    def action_next_page(self) -> None:
        """The next page."""
        self.grid.turn(1)

    def action_cursor_left(self) -> None:
        """The cursor to the left."""
        if (chart := self._chart()) is not None:
            chart.action_move_cursor(-1)

    def action_cursor_right(self) -> None:
        """The cursor to the right."""
        if (chart := self._chart()) is not None:
            chart.action_move_cursor(1)

    def action_zoom_in(self) -> None:
        """Less of the x axis."""
        if (chart := self._chart()) is not None:
            chart.action_zoom(1)

    def action_zoom_out(self) -> None:
        """More of the x axis."""
        if (chart := self._chart()) is not None:
            chart.action_zoom(-1)

    def action_zoom_reset(self) -> None:
        """All of the x axis."""
        self.choices.x_range = None
        self.draw_charts()

    def action_fit(self) -> None:
        """The x axis as far as the run is, or to its end."""
        self.choices.fits_data = not self.choices.fits_data
        self.choices.x_range = None
        self.keep_choices()
        self.draw_charts()

    def action_pan_left(self) -> None:
        """The range to the left."""
        if (chart := self._chart()) is not None:
            chart.action_pan(-1)

    def action_pan_right(self) -> None:
        """The range to the right."""
        if (chart := self._chart()) is not None:
            chart.action_pan(1)

    def _chart(self) -> "MetricChart | None":
        """The chart with the focus, else the first one."""
        charts = self.grid.charts
        return next((c for c in charts if c.has_focus), charts[0] if charts else None)

    def action_filter(self) -> None:
        """Type what charts to show."""
        self._type_into("#live-filter")

    def action_export_csv(self) -> None:
        """Write the data of a chart."""
        name = self.grid.focused_name
        if name:
            self.start(self._export(name))

    async def _export(self, name: str) -> None:
        from heimdall_console.chart_csv import csv_text, save_csv

        views, home = self.views, self.console_app.home
        try:
            path = await in_thread(lambda: save_csv(csv_text(name, views), name, home))
        except HeimdallError as error:
            self.show_error(error)
        else:
            self.tell(f"Saved {path}")

    # Hardware and log.

    def action_hardware(self) -> None:
        """Show or hide the hardware."""
        self.hardware_wish = "off" if self.shows_hardware else "on"
        self.keep_choices()
        self.arrange_parts()
        self.draw_all()

    def action_next_gpu(self) -> None:
        """The next GPU."""
        current = self.current
        gpus = current.history.hardware.gpus if current is not None else ()
        if len(gpus) < 2:
            self.tell("There is no other GPU" if gpus else "This run's log tells of no GPU")
            return
        place = gpus.index(self.gpu) if self.gpu in gpus else 0
        self.gpu = gpus[(place + 1) % len(gpus)]
        self.draw_charts()

    def action_search_log(self) -> None:
        """Type what to find."""
        self._type_into("#live-search")

    def action_log_level(self) -> None:
        """Show other levels."""
        pane = self.log_pane
        pane.show_level(_LEVEL_TURN[(_LEVEL_TURN.index(pane.level) + 1) % len(LEVELS)])
        self.tell(_SAID[pane.level], timeout=2)

    def action_follow_log(self) -> None:
        """Hold or follow."""
        self.log_pane.hold()

    def action_show_output(self) -> None:
        """Show what was printed, or the log."""
        self.shows_output = not self.shows_output
        self.watch_chosen()

    # Leaving.

    def _type_into(self, field: str) -> None:
        text_field = self.query_one(field, Input)
        text_field.display = True
        text_field.focus()

    def leave_text_field(self) -> None:
        """Give the focus to what was searched; an empty field goes away."""
        left = self.focused
        if isinstance(left, Input):
            left.display = bool(left.value)
            if left.id == "live-search":
                self.log_pane.focus()
                return
        charts = self.grid.charts
        if charts:
            charts[0].focus()
        else:
            self.set_focus(None)

    def go_back(self) -> bool:
        """Undo the last thing that changes only the view."""
        choices = self.choices
        search, filtered = (
            self.query_one("#live-search", Input),
            self.query_one("#live-filter", Input),
        )
        if self.grid.full_name:
            self.action_full_chart()
        elif choices.cursor_x is not None or not self.log_pane.is_following:
            choices.cursor_x = None
            self.log_pane.action_follow()
            self.draw_charts()
        elif choices.x_range is not None:
            self.action_zoom_reset()
        elif search.value:
            search.value, search.display = "", False
        elif filtered.value:
            filtered.value, filtered.display = "", False
        else:
            return False
        return True

    def forget_place(self) -> None:
        """Another run is watched: what belonged to the one before does not count."""
        self.choices.cursor_x = self.choices.x_range = None
        self.gpu, self._chosen_ghost = None, ""

    def keep_choices(self) -> None:
        """Remember what was chosen."""
        for key, value in choices_to_keep(self).items():
            self.console_app.remember(SECTION, key, value)


def _is_before(run: "RunSummary", current: "RunView") -> bool:
    """Whether a run is an earlier one that a run can be compared with."""
    return (
        run.info.id < current.run_id
        and run.info.experiment == current.experiment
        and run.monitor == current.monitor
        and run.best is not None
    )
