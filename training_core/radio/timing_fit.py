"""What a network's arrivals leave of the true distances, learned where positions are known."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training_core.contract.errors import DatasetError
from training_core.radio.geocentric import geocentric
from training_core.radio.tdoa import TimedSessions

_ROUNDS: Final = 30
_CAUCHY: Final = 2.385
_MAD_TO_SD: Final = 1.4826
_PRIOR_READINGS: Final = 5.0
_MOST_EXCESS: Final = 5e-4
_LEAST_SD_M: Final = 0.1

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class TimingFit:
    """Arrival = time + (1 + k) d_i + bias_i + X_i, X_i ~ N(0, sigma_i)."""

    bias_m: Float64Array
    """(receivers,) cables, filters and stated positions; 0 where training never heard it."""
    sigma_m: Float64Array
    """(receivers,), or what to multiply stated standard deviations with."""
    excess: float
    """k: light in air is slower than in vacuum by about 3e-4 at the ground (ITU-R P.453)."""

    def corrected(
        self, sessions: TimedSessions, receiver: NDArray[np.int64], has_stated: bool
    ) -> TimedSessions:
        """The sessions with biases and the air's delay taken out, and with fitted errors.

        Args:
            sessions: as they arrived.
            receiver: (rows, slots) index of each receiver, -1 where unknown.
            has_stated: whether `sessions.sigma_m` holds what the receivers state.
        """
        is_known = receiver >= 0
        bias = np.where(is_known, self.bias_m[receiver], 0.0)
        sigma = np.where(is_known, self.sigma_m[receiver], np.median(self.sigma_m))
        return replace(
            sessions,
            arrival_m=(sessions.arrival_m - bias) / (1.0 + self.excess),
            sigma_m=sessions.sigma_m * sigma if has_stated else sigma,
        )


def fit_timing(
    sessions: TimedSessions,
    receiver: NDArray[np.int64],
    latitude_deg: Float64Array,
    longitude_deg: Float64Array,
    receivers: int,
    has_stated: bool,
) -> TimingFit:
    """Robust least squares in turns: times of emission, biases, excess delay, then errors.

    Each bias is pulled towards 0 as by five readings of no bias, and each receiver's standard
    deviation towards that of all. Residuals are weighted by Cauchy's function.

    Args:
        sessions: training sessions that two or more receivers heard are used.
        receiver: (rows, slots) index of each receiver, -1 where unknown.
        latitude_deg: (rows,) true places.
        longitude_deg: (rows,).
        receivers: how many the index counts.
        has_stated: whether `sessions.sigma_m` holds what the receivers state.

    Raises:
        DatasetError: no training session was timed by two receivers.
    """
    heard = sessions.is_heard & (receiver >= 0)
    heard &= (heard.sum(axis=1) >= 2)[:, None]
    if not heard.any():
        raise DatasetError(
            "No training session was timed by two receivers",
            action="Choose a split whose training sessions have times of arrival",
        )
    rows = np.flatnonzero(heard.any(axis=1))
    heard = heard[rows]
    place = geocentric(latitude_deg, longitude_deg, sessions.altitude_m)[rows]
    distance = np.linalg.norm(place[:, None] - sessions.receiver_m[rows], axis=2)
    distance = np.where(heard, distance, 0.0)
    late = np.where(heard, sessions.arrival_m[rows] - distance, 0.0)
    stated = np.where(heard, sessions.sigma_m[rows] if has_stated else 1.0, 1.0)
    index = np.where(heard, receiver[rows], 0)
    bias, excess = np.zeros(receivers), 0.0
    weight = heard / stated**2
    time = np.zeros(len(late))
    readings = np.bincount(index[heard], minlength=receivers)
    share = readings / (readings + _PRIOR_READINGS)
    for number in range(_ROUNDS):
        rest = late - bias[index] - excess * distance
        if number == 0:
            time = np.nanmedian(np.where(heard, rest, np.nan), axis=1, keepdims=True)[:, 0]
        else:
            time = (weight * rest).sum(axis=1) / weight.sum(axis=1)
        residual = (rest - time[:, None]) / stated
        sd = max(_MAD_TO_SD * float(np.median(np.abs(residual[heard]))), 1e-9)
        weight = heard / stated**2 / (1.0 + (residual / (_CAUCHY * sd)) ** 2)
        toward = late - time[:, None] - excess * distance
        told = np.bincount(index.ravel(), (weight * toward).ravel(), minlength=receivers)
        total = np.bincount(index.ravel(), weight.ravel(), minlength=receivers)
        bias = told / np.where(total > 0.0, total, 1.0) * share
        mean_distance = (weight * distance).sum(axis=1) / weight.sum(axis=1)
        centered = distance - mean_distance[:, None]
        slope = float((weight * centered**2).sum())
        if slope > 0.0:
            change = float((weight * centered * (late - bias[index] - time[:, None])).sum()) / slope
            excess = float(np.clip(change, -_MOST_EXCESS, _MOST_EXCESS))
    # A session's own time hides a part of its errors: n - 1 of n are left.
    count = heard.sum(axis=1, keepdims=True)
    freed = residual * np.sqrt(count / np.maximum(count - 1, 1))
    return TimingFit(bias, _sd_of_each(np.abs(freed), heard, index, receivers), excess)


def _sd_of_each(
    size: Float64Array, heard: NDArray[np.bool_], index: NDArray[np.int64], receivers: int
) -> Float64Array:
    """Robust standard deviation of each receiver, pulled towards that of all."""
    of_all = max(_MAD_TO_SD * float(np.median(size[heard])), _LEAST_SD_M)
    sd = np.full(receivers, of_all)
    for number in range(receivers):
        own = size[heard & (index == number)]
        if len(own):
            variance = (_MAD_TO_SD * float(np.median(own))) ** 2 * len(own)
            pulled = (variance + 4.0 * _PRIOR_READINGS * of_all**2) / (
                len(own) + 4.0 * _PRIOR_READINGS
            )
            sd[number] = np.sqrt(pulled)
    bounded: Float64Array = np.maximum(sd, 0.3 * of_all)
    return bounded
