"""Everything that follows a training, behind one Lightning callback."""

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning import Callback

from training_core.training.beat import Beat, Look
from training_core.training.control import StopControl


class RunPart(Callback):
    """A callback that also looks up a few times a second, at the end of some batch."""

    def on_look(self, trainer: pl.Trainer, look: Look, batch_idx: int) -> None:
        """After a training batch."""

    def on_validation_look(self, trainer: pl.Trainer, look: Look) -> None:
        """After a validation batch."""


class RunHooks(Callback):
    """Calls its parts in order, and only those that have something to do.

    Lightning spends microseconds on every callback at each of six hooks a batch, whether the
    hook is overridden or not: five callbacks would cost a tenth of a small model's step. What
    is not callable it passes over, and so four of the six are None here.

    Args:
        parts: Callbacks; what one of them does sees what earlier ones did.
        beat: Says after which batches to look.
        control: Says whether a person asked for the validation that runs.
        judges: Those of the parts that decide something by a validation: one that a person
            asked for is none of theirs.
    """

    on_before_zero_grad: None = None  # type: ignore[assignment]  # see above, and the next three
    on_before_backward: None = None  # type: ignore[assignment]
    on_after_backward: None = None  # type: ignore[assignment]
    on_before_optimizer_step: None = None  # type: ignore[assignment]

    def __init__(
        self,
        parts: Sequence[Callback],
        beat: Beat,
        control: StopControl,
        judges: Sequence[Callback] = (),
    ) -> None:
        self._beat = beat
        self._control = control
        self._parts = parts
        self._judges = judges
        self._looking = [p for p in parts if isinstance(p, RunPart)]
        self._at_batch_start = [p for p in parts if _overrides(p, "on_train_batch_start")]
        self._at_batch_end = [p for p in parts if _overrides(p, "on_train_batch_end")]

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Before anything else."""
        for part in self._parts:
            part.setup(trainer, pl_module, stage)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Optimizers exist and a checkpoint is restored."""
        self._beat.start()
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
        look = self._beat.after_batch()
        if look is not None:
            for looking in self._looking:
                looking.on_look(trainer, look, batch_idx)

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """After a validation batch."""
        look = self._beat.after_batch()
        if look is not None:
            for looking in self._looking:
                looking.on_validation_look(trainer, look)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Before a validation."""
        for part in self._parts:
            part.on_validation_start(trainer, pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """After a validation; its metrics are known."""
        for part in self._parts:
            if not (self._control.is_validating_on_request and part in self._judges):
                part.on_validation_end(trainer, pl_module)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """After an epoch and its validation."""
        for part in self._parts:
            part.on_train_epoch_end(trainer, pl_module)

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
        """States of the parts that have one, by their class."""
        states = {type(part).__name__: part.state_dict() for part in self._parts}
        return {name: state for name, state in states.items() if state}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Give each part its state back."""
        for part in self._parts:
            if type(part).__name__ in state_dict:
                part.load_state_dict(state_dict[type(part).__name__])


def _overrides(part: Callback, hook: str) -> bool:
    return getattr(type(part), hook) is not getattr(Callback, hook)
