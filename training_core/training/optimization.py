"""Optimizer and learning-rate schedule of a run."""

from collections.abc import Iterable
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning import Callback
from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR, LinearLR, ReduceLROnPlateau

from training_core.contract.sections import OptimizerSection, ScheduleSection
from training_core.training.schedule import ShareOfSteps


def adamw(network: nn.Module, options: OptimizerSection) -> AdamW:
    """AdamW that decays matrices and spares biases, norms and embeddings."""
    decayed, spared = _by_decay(network)
    groups = [
        {"params": decayed, "weight_decay": options.weight_decay},
        {"params": spared, "weight_decay": 0.0},
    ]
    return AdamW(
        [group for group in groups if group["params"]],
        lr=options.learning_rate,
        betas=(options.beta1, options.beta2),
    )


def _by_decay(network: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    embeddings: set[int] = {
        id(module.weight) for module in network.modules() if isinstance(module, nn.Embedding)
    }
    decayed: list[nn.Parameter] = []
    spared: list[nn.Parameter] = []
    for parameter in network.parameters():
        if not parameter.requires_grad:
            continue
        is_decayed = parameter.ndim >= 2 and id(parameter) not in embeddings
        (decayed if is_decayed else spared).append(parameter)
    return decayed, spared


def schedulers(
    optimizer: torch.optim.Optimizer, schedule: ScheduleSection, total_steps: int
) -> list[dict[str, Any]]:
    """Lightning's description of what moves the learning rate step by step.

    Args:
        optimizer: The optimizer to steer.
        schedule: Shape and warm-up.
        total_steps: Optimizer steps of the whole run.
    """
    shape = ShareOfSteps(schedule, total_steps)
    if schedule.name != "plateau":
        return [{"scheduler": LambdaLR(optimizer, shape), "interval": "step"}]
    warmup = shape.warmup
    if warmup == 0:
        return []
    # Multiplies the current rate, as the plateau does: the two can share the optimizer.
    rise = LinearLR(optimizer, start_factor=1.0 / (warmup + 1), total_iters=warmup)
    return [{"scheduler": rise, "interval": "step"}]


class PlateauSchedule(Callback):
    """Lowers the learning rate when validations no longer improve.

    Lightning itself does not step a plateau at the end of an epoch that a run was resumed
    in; stepping it where the metric is made keeps resumed runs exact.

    Args:
        schedule: Factor and patience.
        monitor: Metric to watch.
        mode: Whether a small or a large value is good.
    """

    def __init__(
        self, schedule: ScheduleSection, monitor: str, mode: Literal["min", "max"]
    ) -> None:
        self._schedule = schedule
        self._monitor = monitor
        self._mode = mode
        self._plateau: ReduceLROnPlateau | None = None
        self._restored: dict[str, Any] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Watch the run's optimizer, from where a checkpoint left off."""
        self._plateau = ReduceLROnPlateau(
            trainer.optimizers[0],
            mode=self._mode,
            factor=self._schedule.plateau_factor,
            patience=self._schedule.plateau_patience,
        )
        if self._restored:
            self._plateau.load_state_dict(self._restored)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Judge this validation."""
        value = trainer.callback_metrics.get(self._monitor)
        if self._plateau is not None and value is not None:
            self._plateau.step(float(value))

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {} if self._plateau is None else self._plateau.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep a checkpoint's state until the optimizer exists."""
        self._restored = state_dict


def current_learning_rate(optimizers: Iterable[torch.optim.Optimizer]) -> float | None:
    """The learning rate of the first group of the first optimizer."""
    for optimizer in optimizers:
        return float(optimizer.param_groups[0]["lr"])
    return None
