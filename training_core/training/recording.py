"""Lightning hooks → records of the run log, without slowing the training step."""

import math
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from torch import Tensor

from training_core.contract.errors import DivergedError
from training_core.contract.records import encode_values
from training_core.contract.run_log import RunLogWriter
from training_core.training.beat import Beat, Look
from training_core.training.control import StopControl
from training_core.training.hooks import RunPart
from training_core.training.optimization import current_learning_rate
from training_core.training.time_left import TrainingTime


class _Step(NamedTuple):
    """What waits to be written of one optimizer step."""

    time_s: float
    step: int
    epoch: int
    values: dict[str, Tensor]
    rows: list[Tensor]
    learning_rate: float | None


class MetricsRecorder(RunPart):
    """Writes what a step returned and what a validation logged.

    Step outputs stay tensors until the next look and are then fetched together: on a GPU that
    is one synchronization instead of one a step. Several ranks record the mean over them.

    Args:
        log: The run's log.
        session_ids: Names of the dataset's rows, for the message of a diverged run.
        beat: Averages over the ranks.
        control: Says which validations a person asked for.
        training_time: Says how long the rest will take.
    """

    def __init__(
        self,
        log: RunLogWriter,
        session_ids: list[str],
        beat: Beat,
        control: StopControl,
        training_time: TrainingTime,
    ) -> None:
        self._log = log
        self._beat = beat
        self._control = control
        self._time = training_time
        self._session_ids = session_ids
        self._waiting: list[_Step] = []
        self._batches: list[dict[str, Tensor]] = []
        self._rows: list[Tensor] = []
        self._step = 0
        self._recorded: dict[str, int] = {}
        self.total_steps: int | None = None
        """Planned optimizer steps; None before the training and where they are not known."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Say that training begins and how much there is to do."""
        self._step = trainer.global_step
        self._log.append("state", status="running")
        self._report(trainer)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Remember the step's values until the next look."""
        values = _scalars(outputs)
        rows = [batch["row"]] if isinstance(batch, dict) and "row" in batch else []
        step = trainer.global_step
        if step == self._step:
            # Gradients are being accumulated: one record a step.
            self._batches.append(values)
            self._rows += rows
            return
        self._step = step
        if self._batches:
            values = _mean([*self._batches, values])
            rows = [*self._rows, *rows]
            self._batches, self._rows = [], []
        if values:
            rate = current_learning_rate(trainer.optimizers)
            epoch = trainer.current_epoch
            self._waiting.append(_Step(time.time(), step, epoch, values, rows, rate))

    def on_look(self, trainer: pl.Trainer, look: Look, batch_idx: int) -> None:
        """Write what waits."""
        self.flush()
        self._record_logged(trainer, validation=False)
        self._report(trainer)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Steps come before the validation that follows them."""
        self.flush()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write what was logged in the validation."""
        self._record_logged(trainer, validation=True)
        self._report(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write what still waits."""
        self.flush()
        self._record_logged(trainer, validation=True)
        self._report(trainer)

    def flush(self) -> None:
        """Write the steps that wait.

        Raises:
            DivergedError: One of them has a loss that is not a number or infinite.
        """
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        flat = torch.stack(
            [
                value if value.dtype is torch.float32 else value.float()
                for step in waiting
                for value in step.values.values()
            ]
        )
        numbers = iter(self._beat.mean(flat).tolist())
        for step in waiting:
            values = {name: next(numbers) for name in step.values}
            if step.learning_rate is not None:
                values["learning_rate"] = step.learning_rate
            self._log.append(
                "metrics",
                time_s=step.time_s,
                step=step.step,
                epoch=step.epoch,
                values=encode_values(values),
            )
            loss = values.get("train/loss", 0.0)
            if not math.isfinite(loss):
                raise self._diverged(step, loss)

    def _record_logged(self, trainer: pl.Trainer, *, validation: bool) -> None:
        """Metrics that a module gave to `self.log`, once a step and name."""
        step = trainer.global_step
        values = {
            name: float(value)
            for name, value in trainer.callback_metrics.items()
            if self._recorded.get(name) != step and (validation or not name.startswith("val"))
        }
        if not values:
            return
        self._recorded.update(dict.fromkeys(values, step))
        requested = {"on_request": True} if self._control.is_validating_on_request else {}
        self._log.append(
            "metrics",
            step=step,
            epoch=trainer.current_epoch,
            values=encode_values(values),
            **requested,
        )

    def _report(self, trainer: pl.Trainer) -> None:
        total = trainer.estimated_stepping_batches
        self.total_steps = int(total) if math.isfinite(total) else None
        left_s = self._time.left_s(time.monotonic(), trainer.global_step, total)
        self._log.append(
            "task",
            name="train",
            done=trainer.global_step,
            total=self.total_steps,
            epoch=trainer.current_epoch,
            epochs=trainer.max_epochs,
            remaining_s=None if left_s is None else round(left_s, 1),
        )

    def _diverged(self, step: _Step, loss: float) -> DivergedError:
        names = [self._session_ids[row] for rows in step.rows for row in rows.tolist()]
        text = f"The loss became {'NaN' if math.isnan(loss) else 'infinite'} at step {step.step}"
        self._log.append(
            "alert",
            name="nan",
            text=text,
            advice="Lower the learning rate, or look at the sessions of the batch",
            step=step.step,
            session_ids=names,
        )
        listed = ", ".join(names[:20]) + (" …" if len(names) > 20 else "")
        return DivergedError(
            text,
            why=f"The batch held the sessions {listed}" if names else "",
            action="Lower optimizer.learning_rate, set optimizer.gradient_clip, or look at these sessions",
        )


def _scalars(outputs: object) -> dict[str, Tensor]:
    if isinstance(outputs, Tensor):
        outputs = {"loss": outputs}
    if not isinstance(outputs, Mapping):
        return {}
    # Lightning has detached what an automatic optimization returned.
    return {
        "train/loss" if name == "loss" else str(name): value.detach()
        if value.requires_grad
        else value
        for name, value in outputs.items()
        if isinstance(value, Tensor) and value.ndim == 0
    }


def _mean(batches: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Values of one optimizer step: the mean over the batches that it accumulated."""
    return {
        name: torch.stack([batch[name] for batch in batches if name in batch]).mean()
        for name in batches[-1]
    }
