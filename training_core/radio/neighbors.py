"""Positions of the training sessions whose received powers are most alike."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training_core.contract.errors import DatasetError
from training_core.radio.baselines import refuse_without_rows
from training_core.radio.place_folds import FOLDS, place_folds

NEIGHBOR_CHOICES: Final = (1, 2, 3, 5, 7, 11, 15, 21)
_MAX_JUDGED_ROWS: Final = 3_000
_BLOCK_ROWS: Final = 512
_SOFTENING_DB: Final = 1e-6
_LEAST_SPREAD: Final = 5

Float64Array = NDArray[np.float64]


class WeightedNearestNeighbors:
    """The mean of the k training positions whose received powers are most alike.

    Distances are Euclidean in dB over fixed receivers, weights their inverses. A receiver that
    heard nothing counts as one that measured its floor, and so does a reading below the floor:
    whether it was running is no feature. Receivers that training never heard are left out.

    Args:
        rssi_dbm: (rows, receivers) of training, NaN where nothing was heard.
        target_m: (rows, 2) east, north.
        floor_dbm: (receivers,), NaN where unknown: the weakest training reading stands in.
        neighbors: k; None chooses from `NEIGHBOR_CHOICES` the one with the least mean error
            when cells of the training area are left out in turn.

    Raises:
        DatasetError: there are no rows, or training heard no receiver.
    """

    def __init__(
        self,
        rssi_dbm: Float64Array,
        target_m: Float64Array,
        floor_dbm: Float64Array | None = None,
        neighbors: int | None = None,
    ) -> None:
        refuse_without_rows(target_m)
        rssi = np.asarray(rssi_dbm, dtype=np.float64)
        self._is_used = np.isfinite(rssi).any(axis=0)
        if not self._is_used.any():
            raise DatasetError(
                "Nearest neighbors need received powers, and the training sessions hold none",
                action="Choose a split whose training sessions were heard by a fixed receiver",
            )
        weakest = np.nanmin(rssi[:, self._is_used], axis=0)
        floor = np.full(len(weakest), np.nan) if floor_dbm is None else floor_dbm[self._is_used]
        self._floor_dbm = np.where(np.isfinite(floor), floor, weakest)
        self._power_dbm = self._imputed(rssi)
        self._target_m = np.asarray(target_m, dtype=np.float64)
        self.neighbors = self._chosen() if neighbors is None else neighbors

    def predict(self, rssi_dbm: Float64Array) -> Float64Array:
        """Estimate positions.

        Args:
            rssi_dbm: (rows, receivers) in the order of training, NaN where nothing was heard.

        Returns:
            (rows, 2) east, north.
        """
        everything = np.arange(len(self._power_dbm))
        power = self._imputed(np.asarray(rssi_dbm, dtype=np.float64))
        estimates: Float64Array = self._estimates(power, everything, (self.neighbors,))[0]
        return estimates

    def spread_m2(self, rssi_dbm: Float64Array) -> Float64Array:
        """How the nearest neighbors scatter around their weighted mean, (rows, 2, 2).

        At least five are looked at, however few the estimate uses: one alone does not scatter.
        Where all of them stand at one place there is still the training's resolution of a meter.
        """
        power = self._imputed(np.asarray(rssi_dbm, dtype=np.float64))
        spread = np.empty((len(power), 2, 2))
        count = min(max(self.neighbors, _LEAST_SPREAD), len(self._power_dbm))
        for rows, distance, index in _nearest(power, self._power_dbm, count):
            weight = 1.0 / (distance + _SOFTENING_DB)
            weight /= weight.sum(axis=1, keepdims=True)
            target = self._target_m[index]
            away = target - np.einsum("rk,rka->ra", weight, target)[:, None]
            spread[rows] = np.einsum("rk,rka,rkb->rab", weight, away, away)
        spread[:, (0, 1), (0, 1)] += 1.0
        return spread

    def _imputed(self, rssi_dbm: Float64Array) -> Float64Array:
        used = rssi_dbm[:, self._is_used]
        imputed: Float64Array = np.fmax(used, self._floor_dbm)
        return imputed

    def _chosen(self) -> int:
        folds = place_folds(self._target_m, FOLDS)
        if folds.max() == 0:
            # One cell: there is no other place to learn from.
            return min(5, len(self._target_m))
        judged = np.random.default_rng(0).permutation(len(folds))[:_MAX_JUDGED_ROWS]
        total = np.zeros(len(NEIGHBOR_CHOICES))
        for fold in np.unique(folds[judged]):
            rows = judged[folds[judged] == fold]
            rest = np.flatnonzero(folds != fold)
            estimates = self._estimates(self._power_dbm[rows], rest, NEIGHBOR_CHOICES)
            difference = estimates - self._target_m[rows]
            total += np.hypot(difference[..., 0], difference[..., 1]).sum(axis=1)
        return NEIGHBOR_CHOICES[int(np.argmin(total))]

    def _estimates(
        self, power_dbm: Float64Array, training: NDArray[np.intp], choices: Sequence[int]
    ) -> Float64Array:
        """Positions (choices, rows, 2) from the given training rows, for each k in `choices`."""
        estimates = np.empty((len(choices), len(power_dbm), 2))
        for rows, distance, index in _nearest(
            power_dbm, self._power_dbm[training], min(max(choices), len(training))
        ):
            target = self._target_m[training[index]]  # (rows, neighbors, 2)
            weight = 1.0 / (distance + _SOFTENING_DB)
            weighted = np.cumsum(weight[..., None] * target, axis=1)
            sums = np.cumsum(weight, axis=1)
            for number, choice in enumerate(choices):
                last = min(choice, weight.shape[1]) - 1
                estimates[number, rows] = weighted[:, last] / sums[:, last, None]
        return estimates


def _nearest(
    asked: Float64Array, known: Float64Array, count: int
) -> Iterator[tuple[slice, Float64Array, NDArray[np.intp]]]:
    """Blocks of (rows, distances, indices into `known`), the nearest of each row first."""
    known_squared = np.einsum("ij,ij->i", known, known)
    for start in range(0, len(asked), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        block = asked[rows]
        squared = known_squared - 2.0 * block @ known.T
        squared += np.einsum("ij,ij->i", block, block)[:, None]
        index = np.argpartition(squared, count - 1, axis=1)[:, :count]
        distance = np.sqrt(np.maximum(np.take_along_axis(squared, index, axis=1), 0.0))
        order = np.argsort(distance, axis=1, kind="stable")
        yield (
            rows,
            np.take_along_axis(distance, order, axis=1),
            np.take_along_axis(index, order, axis=1),
        )
