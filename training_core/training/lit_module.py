"""The Lightning module around a network of ours."""

import difflib
from typing import Any, TypedDict

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from training_core.contract.config import Config
from training_core.contract.errors import ConfigError, ConfigProblem, DivergedError
from training_core.models.localization_net import LocalizationNet
from training_core.models.losses import gaussian_nll
from training_core.models.metrics import METRIC_NAMES, position_metrics
from training_core.models.receiver_set_net import ReceiverSetNet
from training_core.training.optimization import adamw, schedulers

PositionNetwork = ReceiverSetNet | LocalizationNet


class Batch(TypedDict):
    """Examples as tensors, in the order of the network's inputs."""

    inputs: tuple[Tensor, ...]
    target_m: Tensor  # (batch, 2), local east and north in meters
    row: Tensor  # (batch,), row of the session in the dataset


class PositionModule(pl.LightningModule):
    """Trains a network that answers with a mean and a Cholesky factor, in meters.

    Args:
        network: The network.
        config: Configuration of the run.
    """

    network: PositionNetwork

    def __init__(self, network: PositionNetwork, config: Config) -> None:
        super().__init__()
        self.network = network
        self._config = config
        self._means: list[Tensor] = []
        self._choleskys: list[Tensor] = []
        self._targets: list[Tensor] = []

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (batch, 2) and Cholesky factor (batch, 2, 2)."""
        mean, cholesky = self.network(*inputs)
        return mean, cholesky

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """The loss, and what else is recorded of the step."""
        mean, cholesky = self(*batch["inputs"])
        error = torch.linalg.vector_norm(mean.detach() - batch["target_m"], dim=-1)
        return {
            "loss": gaussian_nll(
                mean, cholesky, batch["target_m"], beta=self._config.model.nll_beta
            ).mean(),
            "train/position_error_m": error.mean(),
        }

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Keep the answers: medians and coverage need the whole split."""
        mean, cholesky = self(*batch["inputs"])
        self._means.append(mean.float())
        self._choleskys.append(cholesky.float())
        self._targets.append(batch["target_m"])

    def on_validation_epoch_end(self) -> None:
        """Metrics of the whole validation split."""
        mean, cholesky = torch.cat(self._means), torch.cat(self._choleskys)
        target = torch.cat(self._targets)
        for kept in (self._means, self._choleskys, self._targets):
            kept.clear()
        # Fitted on these very sessions: coverage here is right by construction, and only the
        # test split says how well it carries over.
        cholesky = cholesky * self.network.gaussian.calibrate(mean, cholesky, target)
        loss = gaussian_nll(mean, cholesky, target).mean()
        if not bool(torch.isfinite(loss)):
            raise DivergedError(
                f"The validation loss became {float(loss)} at step {self.trainer.global_step}",
                action="Lower optimizer.learning_rate, or set optimizer.gradient_clip",
            )
        try:
            values = metrics_of(mean, cholesky, target)
        except np.linalg.LinAlgError as error:
            # Weights that run away give numbers so large that a finite loss says nothing.
            raise DivergedError(
                f"The network's ellipses became degenerate at step {self.trainer.global_step}",
                why=f"The validation loss is {float(loss):.3g}",
                action="Lower optimizer.learning_rate, or set optimizer.gradient_clip",
            ) from error
        self.log("val/loss", loss)
        self.log_dict({f"val/{name}": value for name, value in values.items()})

    def configure_optimizers(self) -> Any:
        """AdamW and the schedule of the configuration."""
        optimizer = adamw(self.network, self._config.optimizer)
        steps = int(self.trainer.estimated_stepping_batches)
        return [optimizer], schedulers(optimizer, self._config.schedule, steps)


def refuse_unknown_monitor(monitor: str) -> None:
    """Refuse a monitored metric that no validation of ours measures.

    Raises:
        ConfigError: Names the nearest one.
    """
    known = ("val/loss", *(f"val/{name}" for name in METRIC_NAMES))
    if monitor not in known:
        near = difflib.get_close_matches(monitor, known, n=1, cutoff=0.0)
        message = f"no validation measures {monitor}; did you mean {near[0]}?"
        raise ConfigError([ConfigProblem("checkpoint.monitor", message)])


def metrics_of(mean: Tensor, cholesky: Tensor, target: Tensor) -> dict[str, float]:
    """Metrics in meters of answers on any device.

    Args:
        mean: (rows, 2).
        cholesky: (rows, 2, 2), lower triangular.
        target: (rows, 2).
    """
    factor = cholesky.double().cpu().numpy()
    return position_metrics(
        mean.double().cpu().numpy(),
        factor @ np.swapaxes(factor, -1, -2),
        target.double().cpu().numpy(),
    )
