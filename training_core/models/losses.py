"""Losses of a Gaussian position estimate given by its Cholesky factor."""

import math

from torch import Tensor


def gaussian_nll(
    mean_m: Tensor, cholesky_m: Tensor, target_m: Tensor, *, beta: float = 0.0
) -> Tensor:
    """Return the negative log-likelihood of each example, nats with lengths in meters.

    Args:
        mean_m: (batch, 2).
        cholesky_m: (batch, 2, 2), lower triangular with a positive diagonal.
        target_m: (batch, 2).
        beta: Weighs each example by its own standard deviation to twice this power, in units
            of the batch's mean one (beta-NLL): 0 is the likelihood, 1 pulls the mean like
            a squared error. The weight carries no gradient.

    Returns:
        (batch,).
    """
    first, second = cholesky_m[..., 0, 0], cholesky_m[..., 1, 1]
    residual = target_m - mean_m
    z_first = residual[..., 0] / first
    z_second = (residual[..., 1] - cholesky_m[..., 1, 0] * z_first) / second
    log_determinant = first.log() + second.log()
    nll = 0.5 * (z_first.square() + z_second.square()) + log_determinant + math.log(2 * math.pi)
    if beta == 0.0:
        return nll
    weight = log_determinant.detach().mul(beta).exp()
    return nll * weight / weight.mean()
