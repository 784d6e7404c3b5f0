"""What a trained network reaches, in meters, beside methods without a network."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training_core.contract.checkpoints import CheckpointSidecar
from training_core.contract.records import encode_values
from training_core.contract.run_log import RunLogWriter
from training_core.models.gaussian_head import covariance_from_cholesky
from training_core.models.metrics import position_metrics
from training_core.training.examples import Examples

_BATCH = 512


@dataclass(frozen=True)
class Judgement:
    """Metrics by part of the split."""

    parts: dict[str, dict[str, float]]

    def as_fields(self) -> dict[str, Any]:
        """For metrics.json of an export."""
        return {part: encode_values(values) for part, values in self.parts.items()}


def judge(
    network: nn.Module,
    examples: Examples,
    parts: dict[str, NDArray[np.int64]],
    device: torch.device,
) -> Judgement:
    """Metrics of a network on parts of a split.

    Args:
        network: In evaluation mode; answers with mean and Cholesky factor in meters.
        examples: All sessions.
        parts: Name of the part → rows; empty parts are left out.
        device: Where to compute.
    """
    network = network.to(device).eval()
    found = {}
    for part, rows in parts.items():
        if len(rows):
            mean, covariance = answer(network, examples, torch.from_numpy(rows), device)
            target = examples.target_m[rows].double().numpy()
            found[part] = position_metrics(mean, covariance, target)
    return Judgement(found)


@torch.inference_mode()
def answer(
    network: nn.Module, examples: Examples, rows: Tensor, device: torch.device
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean (rows, 2) and covariance (rows, 2, 2) of a network on some sessions."""
    means, covariances = [], []
    for some in torch.split(rows, _BATCH):
        inputs, _ = examples.take(some)
        mean, cholesky = network(*(values.to(device) for values in inputs))
        means.append(mean.double().cpu())
        covariances.append(covariance_from_cholesky(cholesky.double()).cpu())
    return torch.cat(means).numpy(), torch.cat(covariances).numpy()


def record_judgement(judgement: Judgement, best: CheckpointSidecar, log: RunLogWriter) -> None:
    """Write the test metrics at the step of the checkpoint that was judged.

    The validation metrics of that step stand in the log already.
    """
    values = judgement.parts.get("test")
    if values:
        log.append(
            "metrics",
            step=best.step,
            epoch=best.epoch,
            values=encode_values({f"test/{name}": value for name, value in values.items()}),
        )
