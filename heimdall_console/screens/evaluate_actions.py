"""What can be done with evaluations: begin, repeat, end, copy."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from heimdall_console.evaluations import model_name
from heimdall_console.formatting import metric, plain
from heimdall_console.screens.base import BaseScreen
from heimdall_console.sources.thread import in_thread
from training_core.contract.errors import HeimdallError

if TYPE_CHECKING:
    from heimdall_console.job_rows import JobRow

_OTHER: Final = "another: a file, or name@alias"
_PARTS: Final = (
    ("val", "validation sessions: for choosing among models"),
    ("test", "test sessions: for the last word, seldom"),
    ("train", "training sessions: says nothing about new places"),
)


class EvaluateActions(BaseScreen):
    """The actions; what is shown is the subclass's affair."""

    run_names: Mapping[str, str] = MappingProxyType({})
    """Run id → name."""

    def name_of(self, model: str) -> str:
        """A model for people."""
        return model_name(model, self.run_names)

    @property
    @abstractmethod
    def job(self) -> "JobRow | None":
        """The evaluation under the cursor."""

    def action_new(self) -> None:
        """Choose what is evaluated."""
        self.ask_for_new("")

    def ask_for_new(self, model: str) -> None:
        """Evaluate a model, which is chosen first when empty."""
        if not self.console_app.readonly:
            self.start(self._new(model))

    async def _new(self, model: str) -> None:
        from heimdall_console.screens.dialogs.choice_picker import ChoicePicker

        app = self.console_app
        if not model:
            model = await self._chosen_model()
        if not model:
            return
        datasets = await self.tried(lambda: _datasets(app.home, model))
        if datasets is None:
            return
        if not datasets:
            self.tell("There is no dataset in this home; `heimdall-console data` makes one")
            return
        title = f"Evaluate {self.name_of(model)} on which dataset?"
        dataset = await self.app.push_screen_wait(ChoicePicker(title, datasets))
        if not dataset:
            return
        part = await self.app.push_screen_wait(ChoicePicker("On which sessions?", _PARTS, "val"))
        if not part:
            return
        if part == "test" and not await self.ask_yes_no(
            "Look at the test sessions?",
            "They are for the last word. A model that is chosen by them fits them, and what it "
            "reaches on them no longer says what it reaches elsewhere.",
            "Evaluate on test sessions",
        ):
            return
        await self._begin(model, dataset, part)

    async def _begin(self, model: str, dataset: str, part: str) -> None:
        from heimdall_console.model_reference import resolve_model_or_checkpoint
        from heimdall_console.registry_reading import tracking_address
        from training_core.contract.datasets import resolve_dataset
        from training_core.contract.jobs import EvaluateArguments

        app = self.console_app
        home, uri = app.home, tracking_address(app.preferences.get("tracking", "uri", ""))

        def arguments() -> EvaluateArguments:
            return EvaluateArguments.model_validate(
                {
                    "model": resolve_model_or_checkpoint(model, home),
                    "dataset": resolve_dataset(dataset, home),
                    "split": part,
                    "tracking_uri": uri,
                }
            )

        made = await self.tried(arguments)
        if made is not None:
            title = f"evaluation of {self.name_of(model)} on {Path(dataset).name}, {part}"
            app.start_job("evaluate", made, title)

    async def _chosen_model(self) -> str:
        from heimdall_console.screens.dialogs.choice_picker import ChoicePicker

        app = self.console_app
        runs = app.runs or ()
        choices = [
            (
                run.info.id,
                f"best of {run.info.name}  {metric(run.monitor, run.best)}",
            )
            for run in runs
            if run.best is not None
        ]
        names = await in_thread(lambda: _registered(app.home, [run.info.id for run in runs]))
        choices = [(_OTHER, ""), *((name, "registered") for name in names), *choices]
        current = app.selection.run_ids[0] if app.selection.run_ids else ""
        first = current if any(key == current for key, _ in choices) else choices[-1][0]
        chosen = await self.app.push_screen_wait(
            ChoicePicker("Evaluate which model?", choices, first)
        )
        if chosen != _OTHER:
            return chosen or ""
        return (
            await self.ask_text(
                "Evaluate which model?",
                "A .ckpt or .onnx file, a run's id, or name@alias.",
                "",
                lambda text: "" if text.strip() else "a model",
            )
            or ""
        )

    def action_retry(self) -> None:
        """Measure again."""
        from heimdall_console.job_control import retry_job

        job, home = self.job, self.console_app.home
        if job is not None:
            path = job.path
            self.run_in_thread(lambda: retry_job(home, path), lambda _: self._has_changed())

    def action_cancel(self) -> None:
        """End it."""
        from heimdall_console.job_control import cancel_job

        job = self.job
        if job is not None and job.status.has_ended:
            self.tell("It has ended")
        elif job is not None:
            path = job.path
            self.run_in_thread(lambda: cancel_job(path), lambda _: self._has_changed())

    def _has_changed(self) -> None:
        self.console_app.look_at_jobs()

    def action_open(self) -> None:
        """Show why it failed, or the checkpoints of its run."""
        from heimdall_console.screens.dialogs.error_page import ErrorPage

        job = self.job
        if job is None:
            return
        if job.error is not None:
            self.app.push_screen(ErrorPage(job.error, job.detail))
            return
        run_id = str(job.result.get("run_id") or "")
        if any(run.info.id == run_id for run in self.console_app.runs or ()):
            self.console_app.show_checkpoints(run_id)
        else:
            self.tell(f"The run {run_id or 'of this model'} is not on this disk", "warning")

    def action_copy(self) -> None:
        """Copy path or command, in turn."""
        job = self.job
        if job is None:
            return
        words = [str(job.arguments.get(key, "")) for key in ("model", "dataset", "split")]
        command = f"heimdall-console evaluate {words[0]} {words[1]} --split {words[2]}"
        self.console_app.copy_in_turn(job.id, (str(job.path / "result.json"), command))


def _datasets(home: Path, model: str) -> list[tuple[str, str]]:
    """Datasets of the home, that of the model's training first."""
    from heimdall_console.checkpoint_reference import configuration_of, resolve_checkpoint
    from training_core.contract.datasets import list_datasets

    own = ""
    try:
        if "@" not in model:
            path = resolve_checkpoint(model, home)
            own = configuration_of(path, home).data.dataset
    except HeimdallError:
        own = ""
    names = list_datasets(home)
    found = [(name, "") for name in names if Path(own).name != name]
    if own:
        key = Path(own).name if Path(own).name in names else own
        found.insert(0, (key, "the model was trained on it"))
    return found


def _registered(home: Path, run_ids: list[str]) -> list[str]:
    """Registered versions that runs of this home made, as commands name them."""
    from heimdall_console.publishing_state import read_publishing
    from training_core.contract.home import runs_folder
    from training_core.contract.run_dir import RunDir

    found: dict[str, None] = {}
    for run_id in run_ids:
        for record in read_publishing(RunDir(runs_folder(home) / run_id)).registered:
            name, version, alias = (record.get(key) for key in ("name", "version", "alias"))
            if name and alias:
                found[plain(f"{name}@{alias}")] = None
            if name and version:
                found[plain(f"{name}@v{version}")] = None
    return list(found)
