"""Position estimates that look at next to nothing: what every other method has to beat."""

import numpy as np
from numpy.typing import NDArray

from training_core.contract.errors import DatasetError

Float64Array = NDArray[np.float64]


class TrainingCentroid:
    """The mean of the training positions, whatever is heard."""

    def __init__(self, target_m: Float64Array) -> None:
        refuse_without_rows(target_m)
        self._center_m = np.asarray(target_m, dtype=np.float64).mean(axis=0)

    def predict(self, rows: int) -> Float64Array:
        """The same position `rows` times, (rows, 2)."""
        return np.tile(self._center_m, (rows, 1))


class StrongestReceiver:
    """The position of the receiver that hears a session loudest.

    Powers are compared as they are reported, though receivers' gains differ: it is a check of
    the data, not a good estimate. A receiver of unknown position is given the mean of the training
    positions that it heard loudest. A session that nobody heard is put at the training centroid.

    Args:
        rssi_dbm: (rows, receivers) of training, NaN where nothing was heard.
        target_m: (rows, 2) east, north.
        receiver_m: (receivers, 2) east, north, NaN where unknown.
    """

    def __init__(
        self, rssi_dbm: Float64Array, target_m: Float64Array, receiver_m: Float64Array
    ) -> None:
        refuse_without_rows(target_m)
        self._center_m = target_m.mean(axis=0)
        self._receiver_m = np.array(receiver_m, dtype=np.float64)
        loudest = _loudest(rssi_dbm)
        for number in np.flatnonzero(~np.isfinite(self._receiver_m).all(axis=1)):
            heard = target_m[loudest == number]
            self._receiver_m[number] = heard.mean(axis=0) if len(heard) else self._center_m

    def predict(self, rssi_dbm: Float64Array) -> Float64Array:
        """Positions (rows, 2) for powers (rows, receivers), NaN where nothing was heard."""
        loudest = _loudest(rssi_dbm)
        estimate: Float64Array = np.where(
            (loudest >= 0)[:, None], self._receiver_m[loudest], self._center_m
        )
        return estimate


def refuse_without_rows(target_m: Float64Array) -> None:
    """Refuse to learn from nothing.

    Raises:
        DatasetError: there is no row.
    """
    if len(target_m) == 0:
        raise DatasetError(
            "The training part of the split holds no labeled session",
            action="Choose another split or import sessions with known positions",
        )


def _loudest(rssi_dbm: Float64Array) -> NDArray[np.int64]:
    """Index of the loudest receiver of each row; -1 where none heard it."""
    heard = np.where(np.isfinite(rssi_dbm), rssi_dbm, -np.inf)
    index = np.argmax(heard, axis=1).astype(np.int64)
    return np.where(np.isfinite(heard).any(axis=1), index, -1)
