"""The screen Configure: from a preset, a run or a file to a run that trains."""

from pathlib import Path
from typing import TYPE_CHECKING

from heimdall_console.actions.configure import ACTIONS
from heimdall_console.config_document import (
    ConfigDocument,
    run_origin,
)
from heimdall_console.config_fields import config_fields
from heimdall_console.config_offers import (
    device_offers,
    waiting_offers,
)
from heimdall_console.doctor.gpus import gpu_findings
from heimdall_console.formatting import counted
from heimdall_console.job_control import cancel_job
from heimdall_console.screens.configure_files import ConfigureFiles
from heimdall_console.screens.dialogs.offer_picker import OfferPicker
from heimdall_console.sources.trial import TrialSeen, TrialSource
from heimdall_console.starting.launching import Plan, enqueue, launch, resolved_text
from training_core.contract.errors import ConfigError, HeimdallError
from training_core.contract.jobs import ARGUMENTS

if TYPE_CHECKING:
    from training_core.contract.jobs import JobArguments
    from training_core.contract.run_dir import RunDir


class ConfigureScreen(ConfigureFiles):
    """Trying a configuration, and making a run of it."""

    ACTIONS = ACTIONS

    def __init__(self) -> None:
        super().__init__()
        self._trial: TrialSource | None = None
        self._trial_job: Path | None = None
        self._is_launching = self._is_cancelled = False

    def _plan(self) -> "Plan | None":
        """What would be launched; None where something is wrong, which is shown."""
        self.read_editor()
        self.form.end_edit()
        document = self.document
        if document is None:
            return None
        document.check_again()
        self.look_again()
        if document.problems:
            first = document.problems[0]
            said = counted(len(document.problems), "problem")
            self.tell(f"Not started: {said}. {first.key or 'The text'} {first.message}", "error")
            if document.is_toml:
                self._go_to_wrong_field(document)
            else:
                self._go_to_wrong_line(document)
            return None
        parent = document.origin.name if document.origin.is_run else ""
        return Plan(document.text, parent, document.origin.source)

    def action_launch(self) -> None:
        """Key ctrl+r."""
        plan = self._plan()
        if plan is None or self._is_launching:
            return
        self._is_launching = True
        home = self.console_app.home

        def work() -> "RunDir":
            return launch(home, plan)

        self.run_in_thread(work, self._launched, on_error=self._refused, group="launch")

    def _launched(self, run: "RunDir") -> None:
        self._is_launching = False
        self.tell(f"Started {run.id}")
        self._go_on_from(run)
        self.console_app.show_live(run.id)

    def _go_on_from(self, run: "RunDir") -> None:
        """The next changes are changes of this run, unless a file is being worked on."""
        document, keeper, home = self.document, self.keeper, self.console_app.home
        if document is None or document.origin.kind == "file":
            return

        def read() -> "ConfigDocument":
            if keeper is not None:
                keeper.forget()
            return ConfigDocument(run_origin(home, run.id))

        self.run_in_thread(read, self.take_document)

    def _refused(self, error: Exception) -> None:
        self._is_launching = False
        document = self.document
        problems = error.problems if isinstance(error, ConfigError) else ()
        if document is None or not problems or not all(problem.key for problem in problems):
            self.show_error(error)
            return
        document.refuse(problems)
        self.show_document()
        self._show_field(problems[0].key)
        self.console_app.remember_error(error)
        self.tell(str(HeimdallError.__str__(error)), "error", timeout=12)  # type: ignore[arg-type]  # a ConfigError

    def action_enqueue(self) -> None:
        """Key Q."""
        self.start(self._enqueue())

    async def _enqueue(self) -> None:
        if self._plan() is None or self.document is None:
            return
        flat = self.document.flat
        offers = device_offers(flat["trainer.accelerator"], flat["trainer.devices"])
        devices = await self.app.push_screen_wait(OfferPicker("Queue: on which device?", offers))
        if devices is None:
            return
        after = await self.app.push_screen_wait(
            OfferPicker("Queue: after what?", waiting_offers(self.console_app.runs or ()))
        )
        if after is None:
            return
        if devices:
            self._set_devices(*devices.split(":"))
        plan, home = self._plan(), self.console_app.home
        if plan is None:
            return

        def work() -> "RunDir":
            return enqueue(home, plan, after=after)

        def done(run: "RunDir") -> None:
            self.tell(f"{run.id} waits in the queue; the screen Runs shows it")
            self._go_on_from(run)

        self.run_in_thread(work, done, on_error=self._refused, group="launch")

    def _set_devices(self, accelerator: str, devices: str) -> None:
        fields = config_fields()

        def set_both(document: ConfigDocument) -> None:
            document.set_typed(fields["trainer.accelerator"], accelerator)
            document.set_typed(fields["trainer.devices"], devices)

        self.change(set_both)

    def action_preflight(self) -> None:
        """Key p."""
        self._try("preflight")

    def action_overfit_batch(self) -> None:
        """Key b."""
        self._try("overfit-batch")

    def _try(self, kind: str) -> None:
        if self._trial is not None and not self._trial.is_stopped:
            self.tell("A trial is at work; x cancels it")
            self._open_panel()
            return
        plan, home = self._plan(), self.console_app.home
        if plan is None:
            return
        self.tried_text = plan.text
        self.panel.mark_outdated(False)

        def arguments() -> "JobArguments":
            return ARGUMENTS[kind].model_validate({"config": resolved_text(home, plan)})

        self.panel.show_task(kind, None)
        self.panel.show_gpus(())
        self._open_panel()
        self._is_cancelled = False
        if kind == "preflight" and self._wants_gpu():
            remember = self.console_app.remember_error
            self.run_in_thread(lambda: _gpu_lines(home), self.panel.show_gpus, on_error=remember)
        self._trial_job = None
        self._trial = TrialSource(self, home, kind, arguments)
        self._trial.start()

    def _wants_gpu(self) -> bool:
        """Whether the run may train on a GPU of this machine."""
        if self.document is None or self.document.flat["trainer.accelerator"] == "cpu":
            return False
        return any(Path("/dev").glob("nvidia[0-9]*"))

    def _open_panel(self) -> None:
        self.is_panel_open = True
        self.lay_out()
        self.show_summary()
        self.set_focus(self.panel)

    def on_trial_seen(self, event: TrialSeen) -> None:
        """Show what a trial is at and what it found."""
        self._trial_job = event.job or self._trial_job
        if event.error is not None and self._is_cancelled:
            self.panel.show_failure(event.kind, "Cancelled. Nothing is left of it.")
        elif event.error is not None:
            self.panel.show_failure(event.kind, str(event.error))
            self._refused(event.error)
        elif event.result is not None:
            self.panel.show_result(event.kind, event.result)
        else:
            self.panel.show_task(event.kind, event.task, event.found)

    def action_cancel_trial(self) -> None:
        """Key x."""
        job = self._trial_job
        if self._trial is None or self._trial.is_stopped or job is None:
            self.tell("No trial is at work")
            return

        def cancel() -> None:
            cancel_job(job)

        self._is_cancelled = True

        self.run_in_thread(cancel)

    async def on_unmount(self) -> None:
        """A trial that is at work goes on in its own process."""
        if self._trial is not None:
            self._trial.stop()


def _gpu_lines(home: Path) -> list[str]:
    """The GPUs of this machine and who holds them."""
    found = gpu_findings(home)
    return [f"{f.name}: {f.text}" for f in found if f.name.startswith("GPU")]
