"""Maps of the power that each receiver hears from every place, learned by Gaussian processes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import least_squares
from scipy.spatial.distance import cdist

from training_core.contract.errors import DatasetError
from training_core.radio.path_loss_fit import NEAREST_M
from training_core.radio.posterior_map import PlaceGrid
from training_core.radio.receiver_floors import MIN_READINGS, ReceiverFloors

_MOST_PLACES: Final = 1_500
_EXPONENT_PRIOR: Final = (2.8, 0.5)
_FLOOR_PRIOR_DB: Final = 2.0
_LAW_RESIDUAL_DB: Final = 6.0
_LEAST_GATE: Final = 0.1

Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class ResidualScales:
    """How powers scatter around the path loss: two Matérn-3/2 fields and noise, in dB.

    The lengths are shares of the side of the area: 0.03 of POWDER's campus is 90 m. The values
    were chosen by cross-validation over place cells of POWDER's training rows.
    """

    near_sd_db: float = 5.0
    near_share: float = 0.03
    far_sd_db: float = 5.0
    far_share: float = 0.36
    fading_sd_db: float = 3.5
    """Of one reading; the mean of n readings at one place has less of it."""
    place_sd_db: float = 1.5
    """Of one place, however often it was visited."""
    floor_sd_db: float = 1.0
    """Of the noise that a receiver reports when it hears nothing."""


class RadioMap:
    """Mean and variance of the power at each receiver from each cell of a grid.

    For each receiver, the mean is a path loss added to the receiver's floor as powers add; around
    it lie two Gaussian fields over the emitter's place (Rasmussen and Williams: "Gaussian processes
    for machine learning", 2006, algorithm 2.1 and equation 4.17) and fading. What shadowing does to
    a signal under the floor is not seen: all three are scaled by the signal's share of the mean
    power, which is the slope of the mean over the path loss. A receiver of unknown position, or
    one that is always near its floor, has a constant mean.

    Args:
        rssi_dbm: (rows, receivers) of training, NaN where there is no reading.
        target_m: (rows, 2) east, north.
        receiver_m: (receivers, 2), NaN where unknown.
        floors: of the receivers.
        grid: the cells.
        scales: of the residual.
        report: told receivers done and receivers in all.

    Raises:
        DatasetError: no receiver has enough readings.
    """

    def __init__(
        self,
        rssi_dbm: Float64Array,
        target_m: Float64Array,
        receiver_m: Float64Array,
        floors: ReceiverFloors,
        grid: PlaceGrid,
        scales: ResidualScales | None = None,
        report: Callable[[int, int], None] | None = None,
    ) -> None:
        self._floors = floors
        self._grid = grid
        self._scales = scales or ResidualScales()
        readings = floors.with_silence(rssi_dbm)
        enough = np.isfinite(readings).sum(axis=0) >= MIN_READINGS
        self._used = np.flatnonzero(enough & np.isfinite(floors.floor_dbm))
        if len(self._used) == 0:
            raise DatasetError(
                "No receiver has enough readings for a radio map",
                why=f"Each needs {MIN_READINGS} in the training sessions",
                action="Choose a split with more training sessions",
            )
        self._lengths_m = np.array([self._scales.near_share, self._scales.far_share])
        self._lengths_m *= float(np.sqrt(np.prod(np.ptp(grid.center_m, axis=0) + grid.side_m)))
        self._mean_dbm = np.empty((len(self._used), len(grid.center_m)), dtype=np.float32)
        self._variance_db2 = np.empty_like(self._mean_dbm)
        for place, number in enumerate(self._used):
            known = np.isfinite(readings[:, number])
            self._mean_dbm[place], self._variance_db2[place] = self._learned(
                readings[known, number],
                target_m[known],
                receiver_m[number],
                float(floors.floor_dbm[number]),
            )
            if report is not None:
                report(place + 1, len(self._used))

    def log_likelihood(self, rssi_dbm: Float64Array) -> Float32Array:
        """Logarithm of the likelihood of each cell, up to a constant a row, (rows, cells).

        A Gaussian's logarithm is quadratic in the reading: the sum over receivers is a product of
        the readings' powers and tables of the cells.

        Args:
            rssi_dbm: (rows, receivers), NaN where there is no reading.
        """
        readings = self._floors.with_silence(rssi_dbm)[:, self._used]
        known = np.isfinite(readings)
        # Around the floor, so that float32 loses nothing in the squares.
        around = self._floors.floor_dbm[self._used]
        level = np.where(known, readings - around, 0.0)
        told = np.concatenate([level * level, level, known], axis=1).astype(np.float32)
        mean = self._mean_dbm - around[:, None].astype(np.float32)
        weight = 1.0 / self._variance_db2
        tables = np.concatenate(
            [-0.5 * weight, mean * weight, -0.5 * (mean * mean * weight - np.log(weight))]
        )
        likelihood: Float32Array = told @ tables
        return likelihood

    def _learned(
        self, level: Float64Array, place: Float64Array, receiver_m: Float64Array, floor_dbm: float
    ) -> tuple[Float32Array, Float32Array]:
        """Mean and variance of a reading from each cell, (cells,) each."""
        s = self._scales
        level, place, count = _averaged(level, place, self._grid.side_m)
        law = _FlooredLaw.fitted(level, place, receiver_m, floor_dbm)
        mean, gate = law(place)
        cell_mean, cell_gate = law(self._grid.center_m)
        covariance = self._kernel(place, place) * (gate[:, None] * gate)
        noise = ((s.fading_sd_db * gate) ** 2 + s.floor_sd_db**2) / count + s.place_sd_db**2
        covariance[np.diag_indices(len(place))] += noise.astype(np.float32)
        lower = cholesky(covariance, lower=True, overwrite_a=True, check_finite=False)
        between = self._kernel(place, self._grid.center_m) * (gate[:, None] * cell_gate)
        whitened = solve_triangular(lower, between, lower=True, check_finite=False)
        residual = (level - mean).astype(np.float32)
        told = solve_triangular(lower, residual, lower=True, check_finite=False)
        prior = s.near_sd_db**2 + s.far_sd_db**2 + s.fading_sd_db**2
        variance = prior * cell_gate**2 + s.floor_sd_db**2 + s.place_sd_db**2
        variance -= np.einsum("pc,pc->c", whitened, whitened)
        # Rounding may take a little more than there is.
        least = s.floor_sd_db**2 + s.place_sd_db**2
        learned = cell_mean + told @ whitened
        return learned.astype(np.float32), np.maximum(variance, least).astype(np.float32)

    def _kernel(self, one: Float64Array, other: Float64Array) -> Float32Array:
        distance = cdist(one, other).astype(np.float32)
        near, far = (matern_3_2(distance, float(length)) for length in self._lengths_m)
        kernel: Float32Array = np.float32(self._scales.near_sd_db**2) * near
        kernel += np.float32(self._scales.far_sd_db**2) * far
        return kernel


def matern_3_2(distance_m: Float32Array, length_m: float) -> Float32Array:
    """Correlation of a Matérn field of order 3/2 (Rasmussen and Williams, 2006, equation 4.17)."""
    scaled = distance_m * np.float32(np.sqrt(3.0) / length_m)
    correlation: Float32Array = np.exp(-scaled)
    correlation *= 1.0 + scaled
    return correlation


@dataclass(frozen=True)
class _FlooredLaw:
    """A path loss and a floor whose powers add."""

    receiver_m: Float64Array
    at_meter_dbm: float
    exponent: float
    floor_dbm: float

    @classmethod
    def fitted(
        cls, level: Float64Array, place: Float64Array, receiver_m: Float64Array, floor_dbm: float
    ) -> "_FlooredLaw":
        """Least squares with priors of the exponent and the floor."""
        if not np.isfinite(receiver_m).all():
            return cls(receiver_m, float(level.mean()), 0.0, -np.inf)
        prior, prior_sd = _EXPONENT_PRIOR

        def misfit(x: Float64Array) -> Float64Array:
            mean, _ = cls(receiver_m, float(x[0]), float(x[1]), floor_dbm + float(x[2]))(place)
            beside = [(x[1] - prior) / prior_sd, x[2] / _FLOOR_PRIOR_DB]
            return np.concatenate([(mean - level) / _LAW_RESIDUAL_DB, beside])

        decades = 10.0 * np.log10(np.maximum(np.hypot(*(place - receiver_m).T), NEAREST_M))
        loudest = float((level + prior * decades).max())
        x = least_squares(misfit, [loudest, prior, 0.0]).x
        return cls(receiver_m, float(x[0]), float(x[1]), floor_dbm + float(x[2]))

    def __call__(self, place: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Mean power from each place, and how much of it is signal, (places,) each."""
        if not np.isfinite(self.floor_dbm):
            return np.full(len(place), self.at_meter_dbm), np.ones(len(place))
        distance = np.maximum(np.hypot(*(place - self.receiver_m).T), NEAREST_M)
        signal = self.at_meter_dbm - 10.0 * self.exponent * np.log10(distance)
        nepers = np.log(10.0) / 10.0
        mean = np.logaddexp(signal * nepers, self.floor_dbm * nepers) / nepers
        gate = _LEAST_GATE + (1.0 - _LEAST_GATE) * np.exp((signal - mean) * nepers)
        return mean, gate


def _averaged(
    level: Float64Array, place: Float64Array, side_m: float
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Means of levels and places of the readings in each cell, and how many they are.

    A cell is `side_m` wide, or wider where more than `_MOST_PLACES` would be left.
    """
    while True:
        cell = np.floor(place / side_m).astype(np.int64)
        found, of_row = np.unique(cell, axis=0, return_inverse=True)
        if len(found) <= _MOST_PLACES:
            break
        side_m *= 1.25
    of_row = of_row.ravel()
    count = np.bincount(of_row).astype(np.float64)
    means = [np.bincount(of_row, values) / count for values in (level, *place.T)]
    return means[0], np.stack(means[1:], axis=1), count
