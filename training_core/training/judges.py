"""What decides something by every validation of a run."""

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping

from training_core.contract.config import Config
from training_core.training.optimization import PlateauSchedule


def validation_judges(config: Config, *, has_own_schedule: bool) -> list[pl.Callback]:
    """The plateau schedule and early stopping, where the configuration asks for them.

    Args:
        config: Configuration of the run.
        has_own_schedule: Whether the network is ours; others bring their schedules.
    """
    monitor, mode = config.checkpoint.monitor, config.checkpoint.mode
    judges: list[pl.Callback] = []
    if config.schedule.name == "plateau" and has_own_schedule:
        judges.append(PlateauSchedule(config.schedule, monitor, mode))
    if config.early_stopping.enabled:
        judges.append(
            EarlyStopping(
                monitor,
                mode=mode,
                patience=config.early_stopping.patience,
                min_delta=config.early_stopping.min_delta,
                check_on_train_epoch_end=False,  # Its state belongs into the validation's checkpoint.
                check_finite=False,  # The recorder says which sessions made it diverge.
                strict=False,  # The keeper says which metrics there are.
            )
        )
    return judges
