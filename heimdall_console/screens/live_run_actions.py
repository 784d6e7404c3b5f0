"""What can be asked of the runs on the screen Live, and which runs are shown."""

from typing import TYPE_CHECKING, Final

from heimdall_console.alert_text import alert_id, alerts_page
from heimdall_console.formatting import plain
from heimdall_console.said_directions import said_directions
from heimdall_console.screens import run_control
from heimdall_console.screens.live_base import LiveBase
from heimdall_console.screens.metric_direction import ask_direction
from training_core.contract.errors import HeimdallError

if TYPE_CHECKING:
    from heimdall_console.run_index import RunSummary
    from heimdall_console.sources.run import RunView

_OF_LIVING: Final = ("pause", "checkpoint", "validate", "stop", "learning_rate", "extend")


class LiveRunActions(LiveBase):
    """The part of the screen Live that acts on runs."""

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
        if action == "alerts":
            return current is not None and bool(current.history.progress.alerts)
        if action in ("previous_run", "next_run"):
            return len(self.console_app.selection.run_ids) > 1
        return True

    # The run.

    def action_alerts(self) -> None:
        """Show what the run warns of; what was read leaves the banner."""
        from heimdall_console.screens.dialogs.text_page import TextPage

        current = self.current
        if current is not None and (alerts := current.history.progress.alerts):
            page = TextPage(f"What {current.name} warns of", alerts_page(alerts.values()))
            self.app.push_screen(page)
            self.read_alerts |= {alert_id(current.run_id, alert) for alert in alerts.values()}
            self.draw_all()

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
        self.console_app.show_configure(from_run=self.current_id)

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

        path = runs_folder(self.console_app.home) / current.run_id
        texts = (current.run_id, current.name, str(path))
        self.console_app.copy_in_turn(current.run_id, texts)

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
        current = self.current
        if not name or current is None:
            return
        if name == current.monitor:
            word = "small" if current.mode == "min" else "large"
            self.tell(f"Its configuration says that {word} values of {name} are good")
            return
        if await ask_direction(self, name, self.choices.directions.get(name)):
            self.choices.directions |= said_directions(self.console_app.preferences)
            self.draw_charts()


def _is_before(run: "RunSummary", current: "RunView") -> bool:
    """Whether a run is an earlier one that a run can be compared with."""
    return (
        run.info.id < current.run_id
        and run.info.experiment == current.experiment
        and run.monitor == current.monitor
        and run.best is not None
    )
