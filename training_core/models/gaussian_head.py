"""From raw network outputs to a Gaussian over local east and north."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

RAW_OUTPUTS = 5
# softplus of this is 1: an untrained network states the spread of the training targets.
_SOFTPLUS_OF_ONE = math.log(math.e - 1.0)


class GaussianHead(nn.Module):
    """Turns five raw numbers into a mean and a lower triangular Cholesky factor.

    The target's center and scale and the smallest standard deviation are buffers, so a
    checkpoint and an ONNX file carry them.

    Args:
        center_m: Mean east and north of the training targets.
        scale_m: Their typical spread.
        sigma_floor_m: Smallest standard deviation along either axis of the factor.
    """

    center_m: Tensor
    scale_m: Tensor
    sigma_floor_m: Tensor

    def __init__(self, center_m: list[float], scale_m: float, sigma_floor_m: float) -> None:
        super().__init__()
        self.register_buffer("center_m", torch.tensor(center_m, dtype=torch.float32))
        self.register_buffer("scale_m", torch.tensor(scale_m, dtype=torch.float32))
        self.register_buffer("sigma_floor_m", torch.tensor(sigma_floor_m, dtype=torch.float32))

    def forward(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return the distribution in local meters.

        Args:
            raw: (..., 5): mean, log-like diagonal, off-diagonal, in units of the scale.

        Returns:
            Mean (..., 2) and Cholesky factor (..., 2, 2), meters.
        """
        mean = self.center_m + self.scale_m * raw[..., 0:2]
        diagonal = self.sigma_floor_m + self.scale_m * F.softplus(raw[..., 2:4] + _SOFTPLUS_OF_ONE)
        lower = self.scale_m * raw[..., 4:5]
        upper = torch.zeros_like(lower)
        rows = torch.cat((diagonal[..., 0:1], upper, lower, diagonal[..., 1:2]), dim=-1)
        return mean, rows.reshape(*raw.shape[:-1], 2, 2)


def covariance_from_cholesky(cholesky: Tensor) -> Tensor:
    """Return L times its transpose, (..., 2, 2)."""
    return cholesky @ cholesky.transpose(-1, -2)
