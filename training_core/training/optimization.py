"""Optimizer and learning-rate schedule of a run."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR, LinearLR, ReduceLROnPlateau

from training_core.contract.config import Config
from training_core.contract.sections import OptimizerSection, ScheduleSection


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
    optimizer: torch.optim.Optimizer, config: Config, total_steps: int
) -> list[dict[str, Any]]:
    """Lightning's description of the schedule: a warm-up in steps, then the shape.

    Args:
        optimizer: The optimizer to steer.
        config: Schedule, and the metric that a plateau watches.
        total_steps: Optimizer steps of the whole run.
    """
    schedule = config.schedule
    warmup = round(schedule.warmup_share * total_steps)
    if schedule.name != "plateau":
        shape = LambdaLR(optimizer, share_of_steps(schedule, warmup, total_steps))
        return [{"scheduler": shape, "interval": "step"}]
    watch = ReduceLROnPlateau(
        optimizer,
        mode=config.checkpoint.mode,
        factor=schedule.plateau_factor,
        patience=schedule.plateau_patience,
    )
    plateau = {
        "scheduler": watch,
        "interval": "epoch",
        "frequency": config.trainer.validate_every_n_epochs,
        "monitor": config.checkpoint.monitor,
    }
    if warmup == 0:
        return [plateau]
    # Both multiply the current rate, so they can share the optimizer.
    rise = LinearLR(optimizer, start_factor=1.0 / (warmup + 1), total_iters=warmup)
    return [{"scheduler": rise, "interval": "step"}, plateau]


def share_of_steps(
    schedule: ScheduleSection, warmup: int, total_steps: int
) -> Callable[[int], float]:
    """The learning rate as a share of its highest value, by completed steps."""

    def share(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        if schedule.name == "constant":
            return 1.0
        progress = min(1.0, (step - warmup) / max(1, total_steps - warmup))
        cosine = 0.5 * (1.0 + math.cos(math.pi * progress))
        return schedule.final_share + (1.0 - schedule.final_share) * cosine

    return share


def current_learning_rate(optimizers: Iterable[torch.optim.Optimizer]) -> float | None:
    """The learning rate of the first group of the first optimizer."""
    for optimizer in optimizers:
        return float(optimizer.param_groups[0]["lr"])
    return None
