"""Lightning's trainer as every run has it: our hooks, our checkpoints, and nothing of its own."""

from pathlib import Path
from typing import Final

import pytorch_lightning as pl
from pytorch_lightning.plugins.io import CheckpointIO

from training_core.contract.sections import TrainerSection
from training_core.training.devices import accelerator
from training_core.training.hooks import RunHooks

_STRATEGIES: Final = {
    "auto": "auto",
    "ddp": "ddp",
    "ddp_unused_parameters": "ddp_find_unused_parameters_true",
    "fsdp": "fsdp",
}


def lightning_trainer(
    options: TrainerSection,
    hooks: RunHooks,
    files: CheckpointIO,
    *,
    epochs: int,
    folder: Path,
    gradient_clip: float | None,
    accumulate: int,
    shares_loaders: bool,
) -> pl.Trainer:
    """Make the trainer of a run.

    Args:
        options: Devices, precision, validations.
        hooks: Everything that follows the training.
        files: Writes its checkpoints.
        epochs: How many in all.
        folder: The run's.
        gradient_clip: Largest norm of the gradient; 0 and None do not clip.
        accumulate: Batches an optimizer step.
        shares_loaders: Whether Lightning divides the loaders' examples among the ranks.
    """
    return pl.Trainer(
        accelerator=accelerator(options),
        devices=options.devices,
        num_nodes=options.num_nodes,
        strategy=_STRATEGIES[options.strategy],
        use_distributed_sampler=shares_loaders,
        precision=options.precision,
        max_epochs=epochs,
        accumulate_grad_batches=accumulate,
        gradient_clip_val=gradient_clip or None,
        check_val_every_n_epoch=options.validate_every_n_epochs,
        num_sanity_val_steps=0,
        callbacks=[hooks],
        plugins=[files],
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
