"""When a training ends before its last epoch: on request or by the clock."""

import time

import pytorch_lightning as pl
from pytorch_lightning import Callback

from training_core.contract.errors import StoppedError
from training_core.contract.run_log import RunLogWriter
from training_core.training.checkpoint_keeper import CheckpointKeeper, may_save
from training_core.training.control import StopControl


class Stopper(Callback):
    """Reads the control at batch ends and leaves with a checkpoint.

    Args:
        control: What a person asked for.
        keeper: Saves before leaving.
        log: The run's log.
        max_minutes: Limit on the time of this process's training; 0 has none.
    """

    def __init__(
        self,
        control: StopControl,
        keeper: CheckpointKeeper,
        log: RunLogWriter,
        max_minutes: float,
    ) -> None:
        self._control = control
        self._keeper = keeper
        self._log = log
        self._limit_s = 60.0 * max_minutes
        self._began = time.monotonic()
        self._is_over = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning has just put its own signal handlers in place: take them back."""
        self._control.install()
        self._began = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
    ) -> None:
        """Leave if asked to; end with a validation when the time is over."""
        if self._control.stop_requested and may_save(trainer, batch_idx):
            self._leave(trainer)
        if self._is_due() and may_save(trainer, batch_idx):
            self._is_over = True
            self._log.append(
                "message",
                level="info",
                text=f"The limit of {self._limit_s / 60:g} min is reached: ending with a checkpoint.",
            )
            trainer.should_stop = True

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave if asked to: the validation's own checkpoint has just been saved."""
        if self._control.stop_requested:
            self._leave(trainer)

    def _is_due(self) -> bool:
        is_limited = self._limit_s > 0.0 and not self._is_over
        return is_limited and time.monotonic() - self._began > self._limit_s

    def _leave(self, trainer: pl.Trainer) -> None:
        path = self._keeper.save(trainer, "stop", {})
        raise StoppedError(
            f"The run was stopped at step {trainer.global_step}, as asked",
            unharmed=f"Its checkpoint is {path}" if path else "Earlier checkpoints are unharmed",
            action="Go on with --resume-training --checkpoint and that file" if path else "",
        )
