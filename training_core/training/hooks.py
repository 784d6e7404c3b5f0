"""Everything that follows a training, behind one Lightning callback."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning import Callback


class RunHooks(Callback):
    """Calls its parts in order, and only those that have something to do.

    Lightning spends microseconds on every callback at each of six hooks a batch, whether the
    hook is overridden or not: five callbacks would cost a tenth of a small model's step.

    Args:
        parts: Ordinary callbacks; what one of them does sees what earlier ones did.
    """

    def __init__(self, parts: list[Callback]) -> None:
        self._parts = parts
        self._at_batch_start = [p for p in parts if _overrides(p, "on_train_batch_start")]
        self._at_batch_end = [p for p in parts if _overrides(p, "on_train_batch_end")]

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Before anything else."""
        for part in self._parts:
            part.setup(trainer, pl_module, stage)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Optimizers exist and a checkpoint is restored."""
        for part in self._parts:
            part.on_train_start(trainer, pl_module)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Before a training batch."""
        for part in self._at_batch_start:
            part.on_train_batch_start(trainer, pl_module, batch, batch_idx)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """After a training batch."""
        for part in self._at_batch_end:
            part.on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Before a validation."""
        for part in self._parts:
            part.on_validation_start(trainer, pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """After a validation; its metrics are known."""
        for part in self._parts:
            part.on_validation_end(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """After the last epoch."""
        for part in self._parts:
            part.on_train_end(trainer, pl_module)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Something may be added to a checkpoint."""
        for part in self._parts:
            part.on_save_checkpoint(trainer, pl_module, checkpoint)

    def state_dict(self) -> dict[str, Any]:
        """States of the parts, by their class."""
        return {type(part).__name__: part.state_dict() for part in self._parts}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Give each part its state back."""
        for part in self._parts:
            if type(part).__name__ in state_dict:
                part.load_state_dict(state_dict[type(part).__name__])


def _overrides(part: Callback, hook: str) -> bool:
    return getattr(type(part), hook) is not getattr(Callback, hook)
