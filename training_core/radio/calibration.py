"""How far a stated uncertainty has to be widened so that its regions hold what they should.

The level of a truth is the smallest of an estimator's regions that reaches it; where the regions
hold what they state, the levels of many truths are uniform (Kuleshov, Fenner, Ermon: "Accurate
uncertainties for deep learning using calibrated regression", ICML 2018). A temperature divides the
log-likelihood (Guo et al.: "On calibration of modern neural networks", ICML 2017), which for a
Gaussian multiplies its covariance.
"""

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]

TEMPERATURES: Final = tuple(float(t) for t in np.round(np.geomspace(0.5, 16.0, 16), 3))
_LEVELS: Final = np.array([0.25, 0.5, 0.75, 0.9, 0.95])


def best_temperature(level_at: Callable[[float], Float64Array]) -> float:
    """The temperature at which regions of 25 to 95 % come closest to holding that share.

    Args:
        level_at: levels (rows,) of the true positions at a temperature; rows that the estimator
            did not learn from.
    """

    def miss(temperature: float) -> float:
        observed = (level_at(temperature)[:, None] <= _LEVELS).mean(axis=0)
        return float(((observed - _LEVELS) ** 2).sum())

    return min(TEMPERATURES, key=miss)


def ellipse_level(
    mean_m: Float64Array, covariance_m2: Float64Array, target_m: Float64Array
) -> Float64Array:
    """Level (rows,) of the Gaussian ellipse that reaches each truth.

    The squared distance in standard deviations is chi-square with two degrees of freedom, whose
    distribution is 1 - exp(-x / 2).
    """
    level: Float64Array = -np.expm1(-_half_squared(mean_m, covariance_m2, target_m))
    return level


def ellipse_temperature(
    mean_m: Float64Array, covariance_m2: Float64Array, target_m: Float64Array
) -> float:
    """What to multiply covariances with, from rows that the estimator did not learn from."""
    half_squared = _half_squared(mean_m, covariance_m2, target_m)
    scale = float(np.median(half_squared)) / math.log(2.0)  # Here half of them are inside of 50 %.
    if scale <= 0.0:
        return 1.0
    return scale * best_temperature(lambda t: np.asarray(-np.expm1(-half_squared / (scale * t))))


def _half_squared(
    mean_m: Float64Array, covariance_m2: Float64Array, target_m: Float64Array
) -> Float64Array:
    difference = target_m - mean_m
    solved = np.linalg.solve(covariance_m2, difference[:, :, None])[:, :, 0]
    half: Float64Array = 0.5 * np.einsum("ij,ij->i", difference, solved)
    return half
