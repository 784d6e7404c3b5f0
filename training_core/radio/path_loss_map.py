"""The likelihood of every cell of a grid under the log-distance law."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from training_core.radio.path_loss_fit import PathLossFit
from training_core.radio.posterior_map import PlaceGrid

_POWER_NODES: Final = 7
_KNOWN_POWER_DB: Final = 0.5

Float64Array = NDArray[np.float64]
Float32Array = NDArray[np.float32]


def path_loss_log_likelihood(
    fit: PathLossFit,
    audible_dbm: Float64Array,
    receiver_m: Float64Array,
    rssi_dbm: Float64Array,
    grid: PlaceGrid,
) -> Float32Array:
    """Logarithm of the likelihood of each cell, up to a constant a row, (rows, cells).

    Heard powers are Gaussian around the law, weak ones censored. What an emission is stronger or
    weaker than the mean, b ~ N(0, τ), is integrated out by Gauss-Hermite quadrature (Abramowitz
    and Stegun, 25.4.46). For each of its nodes the sum over receivers is a product of matrices:
    of what each session heard, and of tables that only cells have.

    Args:
        fit: the law.
        audible_dbm: (receivers,) weaker readings are censored.
        receiver_m: (receivers, 2).
        rssi_dbm: (rows, receivers), NaN where a receiver was off.
        grid: where the emitter may be.
    """
    used = np.isfinite(fit.at_meter_dbm)
    rssi, audible = rssi_dbm[:, used], audible_dbm[used]
    offset = np.moveaxis(grid.center_m[:, None] - receiver_m[None], 2, 0)
    mean = fit.mean_dbm(np.hypot(*offset))[:, used].T  # (receivers, cells)
    with np.errstate(invalid="ignore"):
        heard = rssi > audible
        weak = rssi <= audible
    told = np.concatenate([np.where(heard, rssi, 0.0), heard, weak], axis=1).astype(np.float32)
    variance = fit.shadowing_sd_db**2
    total: Float32Array | None = None
    for power_db, log_weight in zip(*_power_nodes(fit.power_sd_db), strict=True):
        expected = mean + power_db
        below = log_ndtr((audible[:, None] - expected) / fit.shadowing_sd_db)
        tables = np.concatenate([expected / variance, -0.5 * expected**2 / variance, below])
        at_node = told @ tables.astype(np.float32) + np.float32(log_weight)
        total = at_node if total is None else np.logaddexp(total, at_node)
    assert total is not None
    return total


def _power_nodes(sd_db: float) -> tuple[Float64Array, Float64Array]:
    """Values of b and the logarithms of their weights."""
    if sd_db < _KNOWN_POWER_DB:
        return np.zeros(1), np.zeros(1)
    node, weight = np.polynomial.hermite_e.hermegauss(_POWER_NODES)
    return sd_db * node, np.log(weight / weight.sum())
