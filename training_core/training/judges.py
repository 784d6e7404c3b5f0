"""What decides something by every validation of a run."""

from collections.abc import Iterable

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping

from training_core.contract.checkpoints import CheckpointSidecar
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


def early_stopping_reason(
    judges: Iterable[pl.Callback],
    *,
    epochs: int,
    validate_every_n_epochs: int,
    best: CheckpointSidecar | None,
) -> str:
    """Why early stopping ended a training, for a person; empty where it did not.

    Args:
        judges: Of `validation_judges`.
        epochs: Planned epochs: a training that did them all ended by itself.
        validate_every_n_epochs: Epochs between validations.
        best: The best checkpoint.
    """
    stopper = next((judge for judge in judges if isinstance(judge, EarlyStopping)), None)
    if stopper is None or stopper.wait_count < stopper.patience:
        return ""
    if stopper.stopped_epoch + 1 >= epochs:
        return ""
    moved = "fallen" if stopper.mode == "min" else "risen"
    least = f" by {abs(stopper.min_delta):g}" if stopper.min_delta else ""
    text = (
        f"early stopping: {stopper.monitor} has not {moved}{least} for "
        f"{stopper.wait_count * validate_every_n_epochs} epochs"
    )
    value = best.metrics.get(stopper.monitor) if best is not None else None
    if best is None or value is None:
        return text
    return f"{text} (best {value:.4g} at epoch {best.epoch + 1})"
