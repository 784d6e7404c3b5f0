"""Advice when a device's memory was too small."""

import gc
import traceback
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_utilities.core.apply_func import apply_to_collection

from training_core.contract.errors import OutOfMemoryError


def largest_fitting(fits: Callable[[int], bool], failed: int) -> int:
    """The largest power-of-two fraction of a batch size that fits; 0 where none does.

    Args:
        fits: Tries a batch size for real.
        failed: A batch size that did not fit.
    """
    size = failed // 2
    while size >= 1:
        if fits(size):
            return size
        size //= 2
    return 0


def one_step(
    trainer: pl.Trainer, module: pl.LightningModule, data: pl.LightningDataModule, size: int
) -> None:
    """Forward and backward pass and optimizer step of `size` training examples.

    The step counts: an optimizer's own memory is there only after its first one.

    Raises:
        torch.OutOfMemoryError: They do not fit.
    """
    device = trainer.strategy.root_device
    module = module.to(device).train()

    def examples(values: torch.Tensor) -> torch.Tensor:
        # The batch may be the short last one of an epoch: its examples are repeated.
        return values[torch.arange(size) % len(values)] if values.ndim else values

    batch = apply_to_collection(next(iter(data.train_dataloader())), torch.Tensor, examples)
    with trainer.precision_plugin.train_step_context():
        outputs: Any = module.training_step(module.transfer_batch_to_device(batch, device, 0), 0)
    loss: torch.Tensor = outputs["loss"] if isinstance(outputs, dict) else outputs
    loss.backward()
    if module.automatic_optimization:
        for optimizer in trainer.optimizers:
            optimizer.step()
    module.zero_grad()


def out_of_memory(
    error: torch.OutOfMemoryError, batch_size: int, try_batch: Callable[[int], None]
) -> OutOfMemoryError:
    """The error for a person: which batch size would fit, found by trying.

    Args:
        error: What the device said.
        batch_size: What did not fit.
        try_batch: One forward and backward pass of a batch of that many examples.
    """
    # The frames of the failed step still hold its tensors.
    traceback.clear_frames(error.__traceback__)

    def fits(size: int) -> bool:
        gc.collect()
        torch.cuda.empty_cache()
        try:
            try_batch(size)
        except torch.OutOfMemoryError:
            return False
        return True

    size = largest_fitting(fits, batch_size)
    return OutOfMemoryError(
        f"The device's memory is too small for a batch of {batch_size}",
        why=str(error).splitlines()[0],
        unharmed="Checkpoints saved before are unharmed",
        action=(
            f"A batch of {size} fits: --batch-size {size} with "
            f"--set trainer.accumulate_grad_batches={-(-batch_size // size)} trains the same"
            if size
            else "Not even one example fits: choose a smaller network or bf16-mixed precision"
        ),
    )
