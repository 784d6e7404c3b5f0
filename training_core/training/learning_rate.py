"""Changing the learning rate and the length of a training that runs."""

from typing import Any

import pytorch_lightning as pl

from training_core.training.schedule import ShareOfSteps

_GROUP_RATES = ("lr", "initial_lr", "max_lr", "min_lr")
_SCHEDULER_RATES = ("base_lrs", "max_lrs", "eta_min", "_last_lr")


def scale_learning_rate(trainer: pl.Trainer, factor: float) -> None:
    """Multiply the learning rate now and in the rest of every schedule.

    Optimizers and schedulers keep what is changed here in their own state, and so in every
    checkpoint.
    """
    for optimizer in trainer.optimizers:
        for group in optimizer.param_groups:
            for key in _GROUP_RATES:
                if key in group:
                    group[key] = group[key] * factor
    for config in trainer.lr_scheduler_configs:
        _scale_scheduler(config.scheduler, factor)


def _scale_scheduler(scheduler: Any, factor: float) -> None:
    for key in _SCHEDULER_RATES:
        value = getattr(scheduler, key, None)
        if isinstance(value, list):
            setattr(scheduler, key, [rate * factor for rate in value])
        elif isinstance(value, float | int) and not isinstance(value, bool):
            setattr(scheduler, key, value * factor)
    for inner in getattr(scheduler, "_schedulers", ()):
        _scale_scheduler(inner, factor)


def extend_training(trainer: pl.Trainer, epochs: int, *, stretch: bool) -> str:
    """Give a training another number of epochs; a sentence about the schedule is returned.

    Args:
        trainer: The trainer, with its optimizers and schedules in place.
        epochs: The new number of epochs in all; more than are completed.
        stretch: Spread what is left of our schedule over the new length; otherwise it ends as
            planned and its last value is held.
    """
    trainer.fit_loop.max_epochs = epochs
    shapes = [
        shape
        for config in trainer.lr_scheduler_configs
        for shape in getattr(config.scheduler, "lr_lambdas", ())
        if isinstance(shape, ShareOfSteps)
    ]
    if not shapes:
        return "The schedule of the learning rate is not one that has a length"
    if all(shape.has_ended(trainer.global_step) for shape in shapes):
        return (
            "The schedule of the learning rate had ended: its last value is held. "
            "`heimdall-console runs set RUN learning_rate=…` raises it"
        )
    if not stretch:
        return "The schedule of the learning rate ends as planned, and its last value is held"
    total = int(trainer.estimated_stepping_batches)
    for shape in shapes:
        shape.stretch(trainer.global_step, total)
    return f"What is left of the schedule is stretched to step {total:,}"
