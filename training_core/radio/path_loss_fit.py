"""The log-distance law of a network of receivers, fitted to positions that are known."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_ndtr

from training_core.contract.errors import DatasetError

NEAREST_M: Final = 10.0
"""Nearer than this the law says nothing; what is nearer counts as there."""
_EXPONENT_PRIOR: Final = (3.0, 1.0)
_MOST_READINGS: Final = 60_000
_MOST_COMMON: Final = 0.9

Float64Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class PathLossFit:
    """P_i = a_i - 10 n log10(d_i) + b + X, X ~ N(0, σ), b ~ N(0, τ).

    b is what one emission is stronger than the mean of them, the same at all receivers.
    """

    at_meter_dbm: Float64Array
    """a, (receivers,): transmit power, antennas and gain of each; NaN where it was never told."""
    exponent: float
    """n."""
    shadowing_sd_db: float
    """σ."""
    power_sd_db: float
    """τ."""

    def mean_dbm(self, distance_m: Float64Array) -> Float64Array:
        """Mean powers at distances (..., receivers); NaN for receivers that were never told."""
        decades = 10.0 * np.log10(np.maximum(distance_m, NEAREST_M))
        mean: Float64Array = self.at_meter_dbm - self.exponent * decades
        return mean


def fit_path_loss(
    rssi_dbm: Float64Array,
    audible_dbm: Float64Array,
    target_m: Float64Array,
    receiver_m: Float64Array,
) -> PathLossFit:
    """Maximum likelihood of the law where weak readings are censored.

    A reading at or below `audible_dbm` says only that the power was not above it: its likelihood
    is Φ((c - P)/σ) (Tobin: "Estimation of relationships for limited dependent variables",
    Econometrica 26, 1958; in Olsen's variables, which make it concave: Econometrica 46, 1978). The
    exponent has a weak prior, 3 ± 1: a network whose receivers stand in a row does not tell it.
    τ² is the covariance between receivers of what the law leaves of heard readings, σ² the rest.

    Args:
        rssi_dbm: (rows, receivers), NaN where a receiver was off.
        audible_dbm: (receivers,) c, NaN for a receiver to leave out.
        target_m: (rows, 2) emitters.
        receiver_m: (receivers, 2), NaN where unknown.

    Raises:
        DatasetError: no receiver of known position heard anything.
    """
    is_usable = np.isfinite(audible_dbm) & np.isfinite(receiver_m).all(axis=1)
    with np.errstate(invalid="ignore"):
        is_heard = (rssi_dbm > audible_dbm) & is_usable
    is_usable &= is_heard.any(axis=0)
    if not is_usable.any():
        raise DatasetError(
            "No receiver of known position heard a training session",
            action="Give the receivers' positions when importing, or choose another split",
        )
    row, receiver = np.nonzero(np.isfinite(rssi_dbm) & is_usable)
    if len(row) > _MOST_READINGS:
        some = np.random.default_rng(0).choice(len(row), _MOST_READINGS, replace=False)
        row, receiver = row[some], receiver[some]
    distance = np.hypot(*(target_m[row] - receiver_m[receiver]).T)
    decades = 10.0 * np.log10(np.maximum(distance, NEAREST_M))
    heard = is_heard[row, receiver]
    power = np.where(heard, rssi_dbm[row, receiver], audible_dbm[receiver])
    used, index = np.unique(receiver, return_inverse=True)
    offset, exponent, sd = _censored_fit(power, heard, decades, index, len(used))
    at_meter = np.full(len(audible_dbm), np.nan)
    at_meter[used] = offset
    fit = PathLossFit(at_meter, exponent, sd, 0.0)
    all_distances = np.hypot(*np.moveaxis(target_m[:, None] - receiver_m[None], 2, 0))
    residual = np.where(is_heard & is_usable, rssi_dbm - fit.mean_dbm(all_distances), np.nan)
    common = min(_common_sd(residual), _MOST_COMMON * sd)
    return PathLossFit(at_meter, exponent, float(np.sqrt(sd**2 - common**2)), common)


def _censored_fit(
    power: Float64Array,
    heard: BoolArray,
    decades: Float64Array,
    index: NDArray[np.int64],
    receivers: int,
) -> tuple[Float64Array, float, float]:
    """Offsets (receivers,), exponent and σ; in Olsen's variables a/σ, n/σ and 1/σ."""
    prior, prior_sd = _EXPONENT_PRIOR
    # Offsets at the middle of the distances hardly depend on the exponent: fewer steps.
    middle = float(decades.mean())
    decades = decades - middle
    # Uncensored least squares with the prior's exponent is a start from which few steps are left.
    counts = np.bincount(index[heard], minlength=receivers)
    rise = power[heard] + prior * decades[heard]
    start_offset = np.bincount(index[heard], rise, minlength=receivers) / counts
    start_sd = max(float((rise - start_offset[index[heard]]).std()), 1.0)

    def objective(x: Float64Array) -> tuple[float, Float64Array]:
        inverse_sd = np.exp(x[-1])
        z = power * inverse_sd - x[index] + x[-2] * decades  # (power - mean) / σ
        log_below = log_ndtr(z[~heard])
        value = 0.5 * float(z[heard] @ z[heard]) - heard.sum() * x[-1] - float(log_below.sum())
        slope = np.where(heard, z, 0.0)
        slope[~heard] = -np.exp(-0.5 * z[~heard] ** 2 - 0.5 * np.log(2.0 * np.pi) - log_below)
        gradient = np.empty(len(x))
        gradient[:-2] = -np.bincount(index, slope, minlength=receivers)
        gradient[-2] = float(slope @ decades)
        gradient[-1] = inverse_sd * float(slope @ power) - heard.sum()
        exponent = x[-2] / inverse_sd
        value += 0.5 * ((exponent - prior) / prior_sd) ** 2
        pull = (exponent - prior) / prior_sd**2
        gradient[-2] += pull / inverse_sd
        gradient[-1] -= pull * exponent
        return value / len(power), gradient / len(power)

    start = np.concatenate([start_offset, [prior, 0.0]]) / start_sd
    start[-1] = -np.log(start_sd)
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 2_000})
    sd = float(np.exp(-found.x[-1]))
    exponent = float(found.x[-2]) * sd
    return found.x[:-2] * sd + exponent * middle, exponent, sd


def _common_sd(residual_db: Float64Array) -> float:
    """Standard deviation of what the residuals (rows, receivers) of one row have in common.

    The mean product of two residuals of one row: independent ones average to zero.
    """
    known = np.isfinite(residual_db)
    centered = np.where(known, residual_db, 0.0)
    count = known.sum(axis=0)
    centered -= np.where(known, centered.sum(axis=0) / np.maximum(count, 1), 0.0)
    in_row = known.sum(axis=1)
    pairs = float((in_row * (in_row - 1)).sum())
    if pairs == 0.0:
        return 0.0
    products = float((centered.sum(axis=1) ** 2 - (centered**2).sum(axis=1)).sum())
    return float(np.sqrt(max(products / pairs, 0.0)))
