"""A validation in the middle of an epoch, because a person asked for it."""

import pytorch_lightning as pl

from training_core.training.control import StopControl


def validate_now(trainer: pl.Trainer, control: StopControl) -> None:
    """Run the validation loop between two training batches, as Lightning itself would.

    Args:
        trainer: The trainer, inside `on_train_batch_end` of a batch that is not an epoch's last.
        control: Tells everybody that this validation decides nothing.
    """
    connector = trainer._logger_connector
    first_loop_iter = connector._first_loop_iter
    control.is_validating_on_request = True
    trainer.validating = True
    try:
        trainer.fit_loop.epoch_loop.val_loop.run()
    finally:
        trainer.training = True
        control.is_validating_on_request = False
        connector._first_loop_iter = first_loop_iter
