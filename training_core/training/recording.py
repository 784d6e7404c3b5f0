"""Lightning hooks → records of the run log, without slowing the training step."""

import math
import time
from collections.abc import Mapping
from typing import Any, Final

import pytorch_lightning as pl
import torch
from pytorch_lightning import Callback
from torch import Tensor

from training_core.contract.errors import DivergedError
from training_core.contract.records import encode_values
from training_core.contract.run_log import RunLogWriter
from training_core.training.optimization import current_learning_rate

_Step = tuple[float, int, int, dict[str, Tensor], list[int], float | None]


class MetricsRecorder(Callback):
    """Writes what a step returned and what a validation logged.

    Step outputs stay tensors until `interval_s` has passed and are then fetched together:
    on a GPU that is one synchronization instead of one a step.

    Args:
        log: The run's log.
        session_ids: Names of the dataset's rows, for the message of a diverged run.
        interval_s: How long steps may wait before they are written.
    """

    interval_s: Final = 0.2

    def __init__(self, log: RunLogWriter, session_ids: list[str]) -> None:
        self._log = log
        self._session_ids = session_ids
        self._waiting: list[_Step] = []
        self._flushed_at = time.monotonic()
        self._recorded: dict[str, int] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Say that training begins and how much there is to do."""
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
        """Remember the step's values; write them when it is time."""
        values = _scalars(outputs)
        if values:
            rows = batch["row"] if isinstance(batch, dict) and "row" in batch else None
            self._waiting.append(
                (
                    time.time(),
                    trainer.global_step,
                    trainer.current_epoch,
                    values,
                    rows if rows is not None else [],
                    current_learning_rate(trainer.optimizers),
                )
            )
        now = time.monotonic()
        if now - self._flushed_at >= self.interval_s:
            self._flushed_at = now
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
            [value.detach().float() for step in waiting for value in step[3].values()]
        )
        numbers = iter(flat.tolist())
        for time_s, step, epoch, tensors, rows, learning_rate in waiting:
            values = {name: next(numbers) for name in tensors}
            if learning_rate is not None:
                values["learning_rate"] = learning_rate
            self._log.append(
                "metrics", time_s=time_s, step=step, epoch=epoch, values=encode_values(values)
            )
            loss = values.get("train/loss", 0.0)
            if not math.isfinite(loss):
                raise self._diverged(step, loss, rows)

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
        self._log.append(
            "metrics", step=step, epoch=trainer.current_epoch, values=encode_values(values)
        )

    def _report(self, trainer: pl.Trainer) -> None:
        total = trainer.estimated_stepping_batches
        self._log.append(
            "task",
            name="train",
            done=trainer.global_step,
            total=int(total) if math.isfinite(total) else None,
            epoch=trainer.current_epoch,
            epochs=trainer.max_epochs,
        )

    def _diverged(self, step: int, loss: float, rows: list[int]) -> DivergedError:
        names = [self._session_ids[int(row)] for row in rows]
        text = f"The loss became {'NaN' if math.isnan(loss) else 'infinite'} at step {step}"
        self._log.append(
            "alert",
            name="nan",
            text=text,
            advice="Lower the learning rate, or look at the sessions of the batch",
            step=step,
            session_ids=names,
        )
        listed = ", ".join(names[:20]) + (" …" if len(names) > 20 else "")
        return DivergedError(
            text,
            why=f"The batch held the sessions {listed}" if names else "",
            action="Lower optimizer.learning_rate or optimizer.gradient_clip, or look at these sessions",
        )


def _scalars(outputs: object) -> dict[str, Tensor]:
    if isinstance(outputs, Tensor):
        outputs = {"loss": outputs}
    if not isinstance(outputs, Mapping):
        return {}
    return {
        "train/loss" if name == "loss" else str(name): value
        for name, value in outputs.items()
        if isinstance(value, Tensor) and value.ndim == 0
    }
