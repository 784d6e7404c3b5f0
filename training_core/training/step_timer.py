"""How long steps and validations of a training take, measured while it trains a little."""

import math
import signal
import time
from collections.abc import Mapping
from statistics import median, quantiles
from typing import Any, Final

import pytorch_lightning as pl
import torch
from pytorch_lightning import Callback
from torch import Tensor

from training_core.contract.errors import DivergedError
from training_core.contract.jobs import Report
from training_core.training.memory_peak import MemoryPeak

_WARM_UP_STEPS: Final = 3
_FEWEST_STEPS: Final = 3
_MOST_STEPS: Final = 40
_ENOUGH_S: Final = 10.0


class StepTimer(Callback):
    """Times optimizer steps from a training's first batch on, then ends it with a validation.

    A step's time runs from the end of the one before, so it holds the waiting for data. The
    first steps warm up and do not count.

    Args:
        report: Told of every batch; it raises where the job is to stop.
        memory: Measures while this trains.
    """

    def __init__(self, report: Report, memory: MemoryPeak) -> None:
        self.step_s: list[float] = []
        """Duration of each measured step."""
        self.wait_s: list[float] = []
        """What of it was waiting for data."""
        self.batches_per_step = 1.0
        self.epoch_start_s = 0.0
        """From the start of the last epoch to its first batch."""
        self.validation_batch_s: float | None = None
        """The last batch of the last validation; the first one of a process warms up."""
        self.validation_end_s = 0.0
        """What a validation takes after its batches."""
        self.batches_per_epoch = math.nan
        self.steps_planned = math.nan
        self.outputs: list[str] = []
        """Names of the numbers that a step returned."""
        self._report = report
        self._memory = memory
        self._on_terminate = signal.getsignal(signal.SIGTERM)
        self._began = 0.0
        self._mark: float | None = None
        self._waited = 0.0
        self._batches: list[int] = []
        self._in_step = 0
        self._step = 0
        self._epoch_began = 0.0
        self._ended = 0.0
        self._validation_mark = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Everything is in place: note what is planned, then let no epoch be the last."""
        # Lightning has just put its own handler there, which would end without a word.
        signal.signal(signal.SIGTERM, self._on_terminate)
        self.batches_per_epoch = float(trainer.num_training_batches)
        self.steps_planned = float(trainer.estimated_stepping_batches)
        trainer.fit_loop.max_epochs = -1
        self._began = time.monotonic()
        self._memory.begin(trainer.strategy.root_device)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The loaders start anew."""
        self._epoch_began = time.perf_counter()
        self._mark = None

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """A batch has arrived."""
        now = time.perf_counter()
        if self._mark is None:
            self.epoch_start_s = now - self._epoch_began
            self._mark, self._waited, self._in_step = now, 0.0, 0
        else:
            self._waited += now - self._ended
        self._in_step += 1

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Close the step; end when enough are measured."""
        _synchronize(trainer)
        now = self._ended = time.perf_counter()
        self._look_at(outputs)
        self._report("steps", min(len(self.step_s), _MOST_STEPS - 1), _MOST_STEPS)
        if trainer.global_step == self._step:
            return
        self._step = trainer.global_step
        if self._mark is not None:
            self.step_s.append(now - self._mark)
            self.wait_s.append(self._waited)
            self._batches.append(self._in_step)
        self._mark, self._waited, self._in_step = now, 0.0, 0
        if self._is_enough():
            trainer.should_stop = True

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The time of a validation is no step's."""
        self._mark = None
        self._validation_mark = time.perf_counter()

    def on_validation_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """A validation batch was loaded and is done."""
        _synchronize(trainer)
        now = time.perf_counter()
        self.validation_batch_s = now - self._validation_mark
        self._validation_mark = now

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Its metrics are made."""
        _synchronize(trainer)
        self.validation_end_s = time.perf_counter() - self._validation_mark

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave the warm-up out and read the memory."""
        self._memory.end()
        warm_up = max(0, min(_WARM_UP_STEPS, len(self.step_s) - 1))
        del self.step_s[:warm_up], self.wait_s[:warm_up], self._batches[:warm_up]
        self.batches_per_step = max(1.0, median(self._batches)) if self._batches else 1.0
        self._report("steps", _MOST_STEPS, _MOST_STEPS)

    def middle_half_s(self) -> tuple[float, float, float]:
        """Lower quartile, median and upper quartile of a step's time."""
        if len(self.step_s) < 2:
            return (self.step_s[0],) * 3
        low, middle, high = quantiles(self.step_s, n=4, method="inclusive")
        return low, middle, high

    def _is_enough(self) -> bool:
        measured = len(self.step_s) - _WARM_UP_STEPS
        is_late = time.monotonic() - self._began > _ENOUGH_S
        return measured >= _MOST_STEPS or (measured >= _FEWEST_STEPS and is_late)

    def _look_at(self, outputs: object) -> None:
        values = outputs if isinstance(outputs, Mapping) else {"loss": outputs}
        self.outputs = [
            str(name) for name, value in values.items() if isinstance(value, Tensor | float)
        ]
        loss = values.get("loss")
        if isinstance(loss, Tensor) and not bool(torch.isfinite(loss).all()):
            raise DivergedError(
                f"The loss is {float(loss.mean())} in the first steps",
                unharmed="Nothing was saved",
                action="Lower optimizer.learning_rate, set optimizer.gradient_clip, or look at the data",
            )


def _synchronize(trainer: pl.Trainer) -> None:
    """Wait for the device: its work is only queued when a hook is called."""
    device = trainer.strategy.root_device
    if device.type == "cuda":
        torch.cuda.synchronize(device)
