"""From raw network outputs to a Gaussian over local east and north."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

RAW_OUTPUTS = 5
# softplus of this is 1: an untrained network states the spread of the training targets.
_SOFTPLUS_OF_ONE = math.log(math.e - 1.0)
_CALIBRATED_SHARE = 0.9
_CALIBRATION_SESSIONS = 50
# Beyond these a network is broken, and no factor should hide it.
_SMALLEST_SCALE, _LARGEST_SCALE = 0.5, 3.0


class GaussianHead(nn.Module):
    """Turns five raw numbers into a mean and a lower triangular Cholesky factor.

    The target's center and scale, the smallest standard deviation and the calibration are
    buffers, so a checkpoint and an ONNX file carry them. The calibration takes part in
    evaluation only: the loss never sees it.

    Args:
        center_m: Mean east and north of the training targets.
        scale_m: Their typical spread.
        sigma_floor_m: Smallest standard deviation along either axis of the factor.
    """

    center_m: Tensor
    scale_m: Tensor
    sigma_floor_m: Tensor
    sigma_scale: Tensor

    def __init__(self, center_m: list[float], scale_m: float, sigma_floor_m: float) -> None:
        super().__init__()
        self.register_buffer("center_m", torch.tensor(center_m, dtype=torch.float32))
        self.register_buffer("scale_m", torch.tensor(scale_m, dtype=torch.float32))
        self.register_buffer("sigma_floor_m", torch.tensor(sigma_floor_m, dtype=torch.float32))
        self.register_buffer("sigma_scale", torch.ones(()))

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
        if not self.training:
            rows = rows * self.sigma_scale
        return mean, rows.reshape(*raw.shape[:-1], 2, 2)

    @torch.no_grad()
    def calibrate(self, mean_m: Tensor, cholesky_m: Tensor, target_m: Tensor) -> Tensor:
        """Scale every later statement so that its 90 % ellipse held 90 % of these truths.

        A network that fits its training set well is too sure of itself elsewhere; one factor,
        found on validation sessions, mends most of it.

        Args:
            mean_m: (sessions, 2), what the network answered in evaluation mode.
            cholesky_m: (sessions, 2, 2), likewise.
            target_m: (sessions, 2), truths it was not trained on.

        Returns:
            The factor by which these answers' Cholesky factors grow, a scalar; 1 with fewer
            than 50 sessions or answers that are not finite, which then change nothing.
        """
        factor = torch.ones_like(self.sigma_scale)
        whitened = torch.linalg.solve_triangular(
            cholesky_m.double(), (target_m - mean_m).double().unsqueeze(-1), upper=False
        )
        squared = whitened.square().sum(dim=(-2, -1))
        if len(squared) >= _CALIBRATION_SESSIONS and bool(torch.isfinite(squared).all()):
            reached = torch.quantile(squared, _CALIBRATED_SHARE)
            wanted = -2.0 * math.log(1.0 - _CALIBRATED_SHARE)
            scale = self.sigma_scale * (reached / wanted).sqrt().to(factor.dtype)
            scale = scale.clamp(min=_SMALLEST_SCALE, max=_LARGEST_SCALE)
            factor = scale / self.sigma_scale
            self.sigma_scale.copy_(scale)
        return factor


def covariance_from_cholesky(cholesky: Tensor) -> Tensor:
    """Return L times its transpose, (..., 2, 2)."""
    return cholesky @ cholesky.transpose(-1, -2)
