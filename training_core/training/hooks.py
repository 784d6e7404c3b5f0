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

    Lightning spends microseconds on every callback at each of six hooks a batch, overridden or
    not: five callbacks would cost a tenth of a small model's step. A module's own hooks it calls
    in any case. So this callback answers to none of the six (what is not callable is passed
    over) and hangs itself to the module's two instead.

    Args:
        parts: Callbacks; what one of them does sees what earlier ones did.
        beat: Says after which batches to look.
        control: Says whether a person asked for the validation that runs.
        judges: Those of the parts that decide something by a validation: one that a person
            asked for is none of theirs.
    """

    on_train_batch_start: None = None  # type: ignore[assignment]  # see above, as all of these
    on_train_batch_end: None = None  # type: ignore[assignment]
    on_before_zero_grad: None = None  # type: ignore[assignment]
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
        self._trainer: pl.Trainer
        self._module: pl.LightningModule
        self._parts = parts
        self._judges = judges
        self._looking = [p for p in parts if isinstance(p, RunPart)]
        self._at_batch_start = [p for p in parts if _overrides(p, "on_train_batch_start")]
        self._at_batch_end = [p for p in parts if _overrides(p, "on_train_batch_end")]

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Before anything else."""
        self._trainer, self._module = trainer, pl_module
        # Of the class, not of the instance: a training that failed has left ours there.
        kind = type(pl_module)

        def start(batch: Any, batch_idx: int) -> int | None:
            # Ours first: the batch's seed holds for what the module draws here, too.
            self._before_batch(batch, batch_idx)
            return kind.on_train_batch_start(pl_module, batch, batch_idx)

        def end(outputs: Any, batch: Any, batch_idx: int) -> None:
            kind.on_train_batch_end(pl_module, outputs, batch, batch_idx)
            self._after_batch(outputs, batch, batch_idx)

        vars(pl_module).update(on_train_batch_start=start, on_train_batch_end=end)
        for part in self._parts:
            part.setup(trainer, pl_module, stage)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Give the module its own hooks back."""
        for name in ("on_train_batch_start", "on_train_batch_end"):
            vars(pl_module).pop(name, None)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Optimizers exist and a checkpoint is restored."""
        self._beat.start()
        for part in self._parts:
            part.on_train_start(trainer, pl_module)

    def _before_batch(self, batch: Any, batch_idx: int) -> None:
        for part in self._at_batch_start:
            part.on_train_batch_start(self._trainer, self._module, batch, batch_idx)

    def _after_batch(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        trainer = self._trainer
        for part in self._at_batch_end:
            part.on_train_batch_end(trainer, self._module, outputs, batch, batch_idx)
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
