"""The least error that an unbiased estimator can have (Cramér and Rao), for each session.

A method that has learned a place's own powers, or that knows where emitters tend to be, is not
unbiased under these models and may do better.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr

from training_core.radio.geocentric import geocentric, local_axes
from training_core.radio.path_loss_fit import NEAREST_M, PathLossFit
from training_core.radio.tdoa import TimedSessions

Float64Array = NDArray[np.float64]


def power_bound_m2(
    fit: PathLossFit,
    audible_dbm: Float64Array,
    receiver_m: Float64Array,
    is_running: NDArray[np.bool_],
    place_m: Float64Array,
) -> Float64Array:
    """Bound of the covariance of a position from received powers, (rows, 2, 2).

    P_i = a_i - 10 n log10(d_i) + b + X_i has the slope -(10 n / ln 10) (p - r_i) / d_i² over the
    place (Patwari et al.: "Relative location estimation in wireless sensor networks", IEEE
    Transactions on Signal Processing 51(8), 2003, section III); that over b is 1, and what is known
    of b beforehand adds 1 / τ². A censored reading informs less of its mean, by the factor
    1 - Φ(z) + z φ(z) + φ(z)² / Φ(z) with z = (c - P) / σ (Amemiya: "Regression analysis when the
    dependent variable is truncated normal", Econometrica 41, 1973). b is eliminated by the Schur
    complement.

    Args:
        fit: the law.
        audible_dbm: (receivers,) c.
        receiver_m: (receivers, 2).
        is_running: (rows, receivers) whether a receiver would have told.
        place_m: (rows, 2) true places.

    Returns:
        Infinite where too little runs to tell both coordinates.
    """
    used = np.isfinite(fit.at_meter_dbm)
    away = place_m[:, None] - receiver_m[used]
    distance = np.maximum(np.hypot(away[..., 0], away[..., 1]), NEAREST_M)
    mean = fit.mean_dbm(np.hypot(*np.moveaxis(place_m[:, None] - receiver_m, 2, 0)))[:, used]
    z = (audible_dbm[used] - mean) / fit.shadowing_sd_db
    information = censored_information(z) * is_running[:, used] / fit.shadowing_sd_db**2
    slope = -(10.0 * fit.exponent / np.log(10.0)) * away / distance[..., None] ** 2
    of_power = information.sum(axis=1)
    if fit.power_sd_db > 0.0:
        of_power = of_power + 1.0 / fit.power_sd_db**2
    place = np.einsum("rs,rsa,rsb->rab", information, slope, slope)
    if fit.power_sd_db > 0.0:
        both = np.einsum("rs,rsa->ra", information, slope)
        place -= both[:, :, None] * both[:, None, :] / of_power[:, None, None]
    return _inverse_or_infinite(place)


def censored_information(z: Float64Array) -> Float64Array:
    """Share of a Gaussian reading's information on its mean that censoring below z leaves."""
    density_log = -0.5 * z * z - 0.5 * np.log(2.0 * np.pi)
    density = np.exp(density_log)
    share: Float64Array = ndtr(-z) + z * density + np.exp(2.0 * density_log - log_ndtr(z))
    return np.clip(share, 0.0, 1.0)


def time_bound_m2(
    sessions: TimedSessions, latitude_deg: Float64Array, longitude_deg: Float64Array
) -> Float64Array:
    """Bound of the covariance of a position from times of arrival, (rows, 2, 2) east and north.

    With u_i the unit vector from receiver to emitter, and the moment of emission unknown, the
    information is Σ w_i (u_i - ū)(u_i - ū)ᵀ with w_i = 1 / σ_i² and ū their weighted mean: the same
    as that of all differences against one reference with their covariance (Chan and Ho, 1994,
    section IV; Torrieri: "Statistical theory of passive location systems", IEEE Transactions
    AES-20(2), 1984).

    Args:
        sessions: who heard, with which standard deviation.
        latitude_deg: (rows,) true places.
        longitude_deg: (rows,).

    Returns:
        Infinite where fewer than three receivers heard.
    """
    heard = sessions.is_heard
    place = geocentric(latitude_deg, longitude_deg, sessions.altitude_m)
    away = np.where(heard[..., None], place[:, None] - sessions.receiver_m, 1.0)
    away /= np.linalg.norm(away, axis=2, keepdims=True)
    slope = np.einsum("rsk,rak->rsa", away, local_axes(latitude_deg, longitude_deg)[:, :2])
    weight = np.where(heard, 1.0 / sessions.sigma_m**2, 0.0)
    total = np.maximum(weight.sum(axis=1), np.finfo(np.float64).tiny)
    centered = slope - np.einsum("rs,rsa->ra", weight, slope)[:, None] / total[:, None, None]
    return _inverse_or_infinite(np.einsum("rs,rsa,rsb->rab", weight, centered, centered))


def rms_m(bound_m2: Float64Array) -> Float64Array:
    """Root of the mean squared error that a bound (rows, 2, 2) allows, (rows,)."""
    rms: Float64Array = np.sqrt(np.einsum("raa->r", bound_m2))
    return rms


def _inverse_or_infinite(information: Float64Array) -> Float64Array:
    determinant = np.linalg.det(information)
    trace = np.einsum("raa->r", information)
    regular = determinant > 1e-10 * trace**2
    bound = np.full(information.shape, np.inf)
    bound[regular] = np.linalg.inv(information[regular])
    return bound
