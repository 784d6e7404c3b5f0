"""What a training does when a person or its time limit asks for something else."""

import math

import pytorch_lightning as pl

from training_core.contract.commands import (
    CheckpointCommand,
    Command,
    ExtendEpochsCommand,
    PauseCommand,
    ResumeCommand,
    SetLearningRateCommand,
    StopCommand,
    ValidateCommand,
)
from training_core.contract.errors import StoppedError
from training_core.contract.run_log import RunLogWriter
from training_core.contract.run_status import RunStatus
from training_core.training.activity import Activity
from training_core.training.beat import Beat, Look
from training_core.training.checkpoint_keeper import REQUEST, CheckpointKeeper, may_save
from training_core.training.control import StopControl
from training_core.training.hooks import RunPart
from training_core.training.inbox import CommandInbox
from training_core.training.learning_rate import extend_training, scale_learning_rate
from training_core.training.optimization import current_learning_rate
from training_core.training.time_left import TrainingTime
from training_core.training.validating import validate_now

Waiting = CheckpointCommand | ValidateCommand | StopCommand
"""Commands that wait for a place in the run that it can be resumed from."""


class Steering(RunPart):
    """Obeys commands and signals at batch ends, and ends a training with a checkpoint.

    Every rank runs the same code on the same looks; only the first one's log is read.

    Args:
        inbox: Answers commands.
        beat: Waits while the run is paused.
        control: What was asked by a signal.
        keeper: Saves on request and before leaving.
        activity: Is told that a pause is no stall.
        log: The run's log.
        training_time: Of this process, with its limit.
    """

    def __init__(
        self,
        inbox: CommandInbox,
        beat: Beat,
        control: StopControl,
        keeper: CheckpointKeeper,
        activity: Activity,
        log: RunLogWriter,
        training_time: TrainingTime,
    ) -> None:
        self._inbox = inbox
        self._beat = beat
        self._control = control
        self._keeper = keeper
        self._activity = activity
        self._log = log
        self._time = training_time
        self._is_over = False
        self._is_paused = False
        self._must_stop = False
        self._waiting: list[tuple[str, Waiting]] = []
        self._epochs: int | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning has just put its own signal handlers in place: take them back."""
        self._control.install()

    def on_look(self, trainer: pl.Trainer, look: Look, batch_idx: int) -> None:
        """Obey; stay here while the run is paused."""
        can_save = may_save(trainer, batch_idx)
        self._obey(trainer, look)
        if self._is_paused:
            look = self._stay_paused(trainer, look, can_save=can_save)
        if can_save:
            self._do_waiting(trainer)

    def on_validation_look(self, trainer: pl.Trainer, look: Look) -> None:
        """Obey what can be obeyed inside a validation; the rest waits for its end."""
        self._obey(trainer, look)
        if self._is_paused:
            self._stay_paused(trainer, look, can_save=False)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A validation and its checkpoint answer what waited for one."""
        if self._control.is_validating_on_request:
            return
        look = self._beat.after_batch()
        if look is not None:
            self._obey(trainer, look)
        for command_id, command in self._taken_out(ValidateCommand):
            self._inbox.answer(command_id, command, "done", "The validation was due anyway")
        self._do_waiting(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The epoch and its validation are done: stop if that was waited for."""
        if any(isinstance(command, StopCommand) for _, command in self._waiting):
            self._leave(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The last checkpoint has just been saved; who asked to stop gets no export either."""
        for command_id, command in self._waiting:
            self._inbox.answer(command_id, command, "done", "The training ended by itself")
            if isinstance(command, StopCommand):
                self._control.request_stop()
        self._waiting = []

    def state_dict(self) -> dict[str, int]:
        """The number of epochs, where it was changed."""
        return {} if self._epochs is None else {"epochs": self._epochs}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Lightning needs the number before it restores anything: the pipeline reads it too."""
        self._epochs = state_dict.get("epochs")

    def extend(self, trainer: pl.Trainer, epochs: int, schedule: str) -> str:
        """Change the number of epochs; a sentence about the schedule is returned."""
        self._epochs = epochs
        return extend_training(trainer, epochs, stretch=schedule == "stretch")

    def _obey(self, trainer: pl.Trainer, look: Look) -> None:
        self._must_stop = self._must_stop or look.must_stop
        self._watch_time(look)
        for command_id, command in look.commands:
            problem = self._problem(trainer, command)
            if problem:
                self._inbox.answer(command_id, command, "refused", problem)
                continue
            self._inbox.answer(command_id, command, "accepted")
            match command:
                case PauseCommand() | ResumeCommand():
                    self._is_paused = isinstance(command, PauseCommand)
                    self._inbox.answer(command_id, command, "done")
                case SetLearningRateCommand():
                    before = current_learning_rate(trainer.optimizers) or math.nan
                    scale_learning_rate(trainer, command.value / before)
                    text = f"The learning rate was {before:.4g} and is {command.value:.4g}"
                    self._inbox.answer(command_id, command, "done", text)
                case ExtendEpochsCommand():
                    text = self.extend(trainer, command.epochs, command.schedule)
                    self._inbox.answer(command_id, command, "done", text)
                case _:
                    self._waiting.append((command_id, command))

    def _problem(self, trainer: pl.Trainer, command: Command) -> str:
        """Why a command cannot be obeyed; empty where it can."""
        match command:
            case PauseCommand() if self._is_paused:
                return "It is paused already"
            case ResumeCommand() if not self._is_paused:
                return "It is not paused"
            case ValidateCommand() if self._is_paused:
                return "It is paused: resume it first"
            case SetLearningRateCommand() if not current_learning_rate(trainer.optimizers):
                return "The learning rate is 0 now, and 0 cannot be scaled"
            case ExtendEpochsCommand() if command.epochs <= trainer.current_epoch:
                return f"Epoch {trainer.current_epoch + 1} has begun"
        return ""

    def _stay_paused(self, trainer: pl.Trainer, look: Look, *, can_save: bool) -> Look:
        """Look a few times a second and train nothing; the last look is returned."""
        self._log.append("state", status=RunStatus.PAUSED)
        began_s = look.now_s
        with self._activity.suspended():
            while self._is_paused and not self._is_stopping:
                look = self._beat.wait()
                self._obey(trainer, look)
                if can_save:
                    self._save_as_asked(trainer)
        self._is_paused = False
        self._time.leave_out(look.now_s - began_s)
        self._log.append("state", status=RunStatus.RUNNING)
        return look

    @property
    def _is_stopping(self) -> bool:
        return self._must_stop or any(
            isinstance(command, StopCommand) and command.when == "now"
            for _, command in self._waiting
        )

    def _do_waiting(self, trainer: pl.Trainer) -> None:
        self._save_as_asked(trainer)
        for command_id, command in self._taken_out(ValidateCommand):
            if trainer.enable_validation:
                validate_now(trainer, self._control)
                self._inbox.answer(command_id, command, "done")
            else:
                self._inbox.answer(
                    command_id, command, "refused", "There is nothing to validate on"
                )
        if self._is_stopping:
            self._leave(trainer)
        if self._is_over:
            trainer.should_stop = True

    def _save_as_asked(self, trainer: pl.Trainer) -> None:
        for command_id, command in self._taken_out(CheckpointCommand):
            path = self._keeper.save(trainer, REQUEST, {})
            if path is None:
                reason = "The disk refused; the earlier checkpoints are unharmed"
                self._inbox.answer(command_id, command, "refused", reason)
            else:
                self._inbox.answer(command_id, command, "done", path.name)

    def _taken_out(self, kind: type[Waiting]) -> list[tuple[str, Waiting]]:
        taken = [(i, command) for i, command in self._waiting if isinstance(command, kind)]
        self._waiting = [pair for pair in self._waiting if pair not in taken]
        return taken

    def _watch_time(self, look: Look) -> None:
        self._time.begin(look.now_s)
        if not self._is_over and not self._is_paused and self._time.is_over(look.now_s):
            self._is_over = True
            self._log.append(
                "message",
                level="info",
                text=f"The limit of {self._time.limit_s / 60:g} min is reached: ending with a "
                "checkpoint.",
            )

    def _leave(self, trainer: pl.Trainer) -> None:
        path = self._keeper.save(trainer, "stop", {})
        for command_id, command in self._waiting:
            if isinstance(command, StopCommand):
                self._inbox.answer(command_id, command, "done")
            else:
                self._inbox.answer(command_id, command, "refused", "The run was stopped")
        self._waiting = []
        raise StoppedError(
            f"The run was stopped at step {trainer.global_step}, as asked",
            unharmed=f"Its checkpoint is {path}" if path else "Earlier checkpoints are unharmed",
            action=f"Go on with `heimdall-console run --resume {self._inbox.run_id}`"
            if path
            else "",
        )
