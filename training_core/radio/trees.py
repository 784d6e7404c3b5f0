"""Extremely randomized trees on received powers."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training_core.contract.errors import DatasetError
from training_core.radio.baselines import refuse_without_rows

Float64Array = NDArray[np.float64]

TREES: Final = 300
_TREES_AT_ONCE: Final = 20


class ExtraTrees:
    """The mean of randomized trees, and their disagreement as a covariance.

    Geurts, Ernst, Wehenkel: "Extremely randomized trees", Machine Learning 63, 2006, as
    scikit-learn implements them. What a receiver did not hear, or heard below its floor, counts as
    the floor: whether it was running is no feature.

    Args:
        rssi_dbm: (rows, receivers) of training, NaN where nothing was heard.
        target_m: (rows, 2) east, north.
        floor_dbm: (receivers,), NaN for receivers that are left out.
        trees: how many.
        report: told trees grown and trees in all.

    Raises:
        DatasetError: there are no rows, or no receiver has a floor.
    """

    def __init__(
        self,
        rssi_dbm: Float64Array,
        target_m: Float64Array,
        floor_dbm: Float64Array,
        trees: int = TREES,
        report: Callable[[int, int], None] | None = None,
    ) -> None:
        # A second to import, and the console's other commands never need it.
        from sklearn.ensemble import ExtraTreesRegressor

        refuse_without_rows(target_m)
        self._floor_dbm = np.asarray(floor_dbm, dtype=np.float64)
        self._is_used = np.isfinite(self._floor_dbm)
        if not self._is_used.any():
            raise DatasetError(
                "Extra trees need received powers, and the training sessions hold none",
                action="Choose a split whose training sessions were heard by a fixed receiver",
            )
        # Grown in parts, the trees are the same as at once: each part goes on in the random stream.
        self._model: ExtraTreesRegressor = ExtraTreesRegressor(
            random_state=0, n_jobs=1, warm_start=True
        )
        features = self._features(rssi_dbm)
        for grown in (*range(_TREES_AT_ONCE, trees, _TREES_AT_ONCE), trees):
            self._model.set_params(n_estimators=grown).fit(features, target_m)
            if report is not None:
                report(grown, trees)

    def predict(self, rssi_dbm: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Estimate positions.

        Args:
            rssi_dbm: (rows, receivers) in the order of training, NaN where nothing was heard.

        Returns:
            (rows, 2) east, north; (rows, 2, 2) covariance of the trees around their mean, which
            has to be calibrated before it is an uncertainty.
        """
        features = self._features(rssi_dbm)
        total = np.zeros((len(features), 2))
        products = np.zeros((len(features), 2, 2))
        for tree in self._model.estimators_:
            position = tree.tree_.predict(features)[..., 0].reshape(-1, 2)
            total += position
            products += position[:, :, None] * position[:, None, :]
        count = len(self._model.estimators_)
        mean = total / count
        covariance: Float64Array = products / count - mean[:, :, None] * mean[:, None, :]
        covariance[:, (0, 1), (0, 1)] += 1.0  # all trees may agree to the meter
        return mean, covariance

    def _features(self, rssi_dbm: Float64Array) -> NDArray[np.float32]:
        floored = np.fmax(rssi_dbm[:, self._is_used], self._floor_dbm[self._is_used])
        return floored.astype(np.float32)
