"""Lightning hooks → the counters of an `Activity`."""

from pathlib import Path
from typing import Any, Final

import pytorch_lightning as pl

from training_core.training.activity import Activity
from training_core.training.beat import Look
from training_core.training.hooks import RunPart

_OPTIMIZER_FACTOR: Final = 3
"""AdamW keeps two numbers beside every weight."""


class ActivityMeter(RunPart):
    """Counts batches and the time between them; the last part of a `RunHooks`.

    What the parts before it do after a batch is then no wait for data.

    Args:
        activity: Where it counts.
        checkpoint_folder: Where checkpoints are saved.
    """

    def __init__(self, activity: Activity, checkpoint_folder: Path) -> None:
        self._activity = activity
        self._checkpoint_folder = checkpoint_folder

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The first batch is waited for from now on."""
        weights = sum(p.numel() * p.element_size() for p in pl_module.parameters())
        self._activity.checkpoint_folder = self._checkpoint_folder
        self._activity.checkpoint_bytes = weights * _OPTIMIZER_FACTOR
        self._activity.begin()

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """The wait is over."""
        self._activity.batch_began()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """The next wait begins."""
        self._activity.batch_ended()

    def on_look(self, trainer: pl.Trainer, look: Look, batch_idx: int) -> None:
        """Records were written, on a GPU after waiting for it, or a checkpoint was."""
        self._activity.other_work_ended()

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A validation is no stall."""
        self._activity.other_work_ended()
        self._activity.suspend()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Training batches are expected again."""
        self._activity.other_work_ended()
        self._activity.go_on()

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Training waits for the disk."""
        self._activity.checkpoint_began()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Nothing is expected any more."""
        self._activity.end()
