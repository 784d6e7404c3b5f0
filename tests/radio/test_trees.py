"""Extra trees: against scikit-learn itself, and on silence."""

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor

from training_core.contract.errors import DatasetError
from training_core.radio.trees import ExtraTrees

FLOOR = np.array([-100.0, -95.0, np.nan])


def test_mean_and_covariance_are_those_of_the_trees() -> None:
    generator = np.random.default_rng(0)
    rssi, target = generator.uniform(-94, -40, (80, 3)), generator.uniform(0, 900, (80, 2))
    asked = generator.uniform(-94, -40, (9, 3))
    told: list[tuple[int, int]] = []
    model = ExtraTrees(rssi, target, FLOOR, 50, lambda done, total: told.append((done, total)))
    mean, covariance = model.predict(asked)
    assert told == [(20, 50), (40, 50), (50, 50)]

    forest = ExtraTreesRegressor(50, random_state=0).fit(rssi[:, :2].astype(np.float32), target)
    single = np.stack([tree.predict(asked[:, :2]) for tree in forest.estimators_])
    np.testing.assert_allclose(mean, forest.predict(asked[:, :2]), rtol=1e-6)
    for row in range(9):
        expected = np.cov(single[:, row].T, ddof=0) + np.eye(2)
        np.testing.assert_allclose(covariance[row], expected, rtol=1e-6)


def test_what_is_below_the_floor_says_no_more_than_silence() -> None:
    generator = np.random.default_rng(1)
    rssi, target = generator.uniform(-110, -40, (60, 3)), generator.uniform(0, 900, (60, 2))
    model = ExtraTrees(rssi, target, FLOOR, trees=10)
    silent, below, unknown = (
        model.predict(np.array([[-60.0, value, last]]))[0]
        for value, last in ((np.nan, -50.0), (-120.0, -50.0), (-95.0, np.nan))
    )
    np.testing.assert_array_equal(silent, below)
    np.testing.assert_array_equal(silent, unknown)


def test_without_powers_there_are_no_trees() -> None:
    with pytest.raises(DatasetError, match="received powers"):
        ExtraTrees(np.zeros((3, 1)), np.zeros((3, 2)), np.array([np.nan]))
    with pytest.raises(DatasetError, match="no labeled session"):
        ExtraTrees(np.empty((0, 1)), np.empty((0, 2)), np.array([-90.0]))
