"""Baselines: on geometry where the answer is known, and on the measured campus."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from training_core.contract.errors import DatasetError
from training_core.radio.baselines import StrongestReceiver, TrainingCentroid
from training_core.radio.generator import generate
from training_core.radio.geo import LocalFrame
from training_core.radio.neighbors import NEIGHBOR_CHOICES, WeightedNearestNeighbors
from training_core.radio.place_folds import place_folds
from training_core.radio.presets import preset_options

Float64Array = NDArray[np.float64]


def mean_and_median_m(estimate_m: Float64Array, target_m: Float64Array) -> tuple[float, float]:
    error = np.linalg.norm(estimate_m - target_m, axis=1)
    return float(error.mean()), float(np.median(error))


def test_the_centroid_is_the_mean_of_training() -> None:
    centroid = TrainingCentroid(np.array([[0.0, 0.0], [10.0, 20.0]]))
    np.testing.assert_array_equal(centroid.predict(3), [[5.0, 10.0]] * 3)


def test_a_session_is_put_where_its_loudest_receiver_stands() -> None:
    rssi = np.array([[-50.0, -90.0, np.nan], [-80.0, -60.0, -99.0], [-90.0, -95.0, -40.0]])
    target = np.array([[0.0, 0.0], [10.0, 0.0], [20.0, 30.0]])
    receiver = np.array([[1.0, 2.0], [3.0, 4.0], [np.nan, np.nan]])
    estimator = StrongestReceiver(rssi, target, receiver)
    asked = np.array([[-70.0, np.nan, -71.0], [np.nan, -99.0, np.nan], [-9.0, -9.5, -8.0]])
    np.testing.assert_array_equal(
        estimator.predict(asked),
        # The third stands nowhere known: where training was loudest to it.
        [[1.0, 2.0], [3.0, 4.0], [20.0, 30.0]],
    )
    unheard = estimator.predict(np.full((1, 3), np.nan))
    np.testing.assert_array_equal(unheard, [[10.0, 10.0]])


def test_one_neighbor_is_the_most_alike_and_more_are_weighted_by_nearness() -> None:
    rssi = np.array([[-50.0, -90.0], [-90.0, -50.0], [-60.0, -80.0]])
    target = np.array([[0.0, 0.0], [100.0, 0.0], [0.0, 50.0]])
    asked = np.array([[-53.0, -87.0]])
    one = WeightedNearestNeighbors(rssi, target, neighbors=1)
    np.testing.assert_allclose(one.predict(asked), [[0.0, 0.0]])
    two = WeightedNearestNeighbors(rssi, target, neighbors=2)
    near, far = 1 / np.hypot(3, 3), 1 / np.hypot(7, 7)
    np.testing.assert_allclose(two.predict(asked), [[0.0, 50.0 * far / (near + far)]], atol=1e-4)


def test_the_spread_of_neighbors_is_their_weighted_covariance() -> None:
    generator = np.random.default_rng(0)
    rssi, target = generator.uniform(-90, -40, (40, 4)), generator.uniform(0, 900, (40, 2))
    asked = generator.uniform(-90, -40, (7, 4))
    spread = WeightedNearestNeighbors(rssi, target, neighbors=6).spread_m2(asked)
    for row, found in zip(asked, spread, strict=True):
        distance = np.linalg.norm(rssi - row, axis=1)
        near = np.argsort(distance)[:6]
        expected = np.cov(target[near].T, aweights=1 / distance[near], ddof=0) + np.eye(2)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_what_was_not_heard_counts_as_the_floor() -> None:
    rssi = np.array([[-50.0, np.nan], [-50.0, -70.0]])
    target = np.array([[0.0, 0.0], [100.0, 0.0]])
    floor = np.array([-100.0, -95.0])
    estimator = WeightedNearestNeighbors(rssi, target, floor, neighbors=1)
    unheard, at_floor, below = estimator.predict(
        np.array([[-50.0, np.nan], [-50.0, -95.0], [-50.0, -120.0]])
    )
    np.testing.assert_array_equal(unheard, at_floor)
    np.testing.assert_array_equal(unheard, below)
    np.testing.assert_array_equal(unheard, [0.0, 0.0])


def test_a_receiver_that_training_never_heard_changes_nothing() -> None:
    rssi = np.array([[-50.0, np.nan], [-80.0, np.nan]])
    estimator = WeightedNearestNeighbors(rssi, np.array([[0.0, 0.0], [9.0, 9.0]]), neighbors=1)
    np.testing.assert_array_equal(
        estimator.predict(np.array([[-52.0, -40.0], [-52.0, np.nan]])), np.zeros((2, 2))
    )


def test_training_without_rows_or_powers_is_refused() -> None:
    with pytest.raises(DatasetError, match="no labeled session"):
        TrainingCentroid(np.empty((0, 2)))
    with pytest.raises(DatasetError, match="no labeled session"):
        WeightedNearestNeighbors(np.empty((0, 3)), np.empty((0, 2)))
    with pytest.raises(DatasetError, match="received powers"):
        WeightedNearestNeighbors(np.full((4, 3), np.nan), np.zeros((4, 2)))


def test_the_number_of_neighbors_follows_the_noise() -> None:
    def chosen(fading_sd_db: float) -> int:
        options = preset_options(
            "campus", {"movement": "uniform", "shadowing_sd_db": 0.0, "fading_sd_db": fading_sd_db}
        )
        drawn = generate(options, 1_500, seed=1)
        return WeightedNearestNeighbors(
            drawn.links.rssi_dbm, drawn.emissions.position_m, drawn.receivers.floor_dbm
        ).neighbors

    assert chosen(0.0) < chosen(12.0)


def test_all_sessions_at_one_place_still_give_an_estimate() -> None:
    estimator = WeightedNearestNeighbors(np.full((3, 2), -60.0), np.full((3, 2), 7.0))
    assert estimator.neighbors == 3
    np.testing.assert_allclose(estimator.predict(np.full((1, 2), -61.0)), [[7.0, 7.0]])


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    rows=st.integers(1, 60),
    receivers=st.integers(1, 6),
    neighbors=st.sampled_from([None, *NEIGHBOR_CHOICES]),
    share_heard=st.floats(0.2, 1.0),
)
def test_estimates_stay_within_the_training_positions(
    seed: int, rows: int, receivers: int, neighbors: int | None, share_heard: float
) -> None:
    generator = np.random.default_rng(seed)
    rssi = generator.uniform(-110, -30, size=(rows, receivers))
    rssi[generator.uniform(size=rssi.shape) > share_heard] = np.nan
    rssi[0, 0] = -60.0
    target = generator.uniform(-1_000, 1_000, size=(rows, 2))
    asked = generator.uniform(-110, -30, size=(10, receivers))
    asked[generator.uniform(size=asked.shape) > share_heard] = np.nan
    estimate = WeightedNearestNeighbors(rssi, target, neighbors=neighbors).predict(asked)
    assert estimate.shape == (10, 2)
    assert (estimate >= target.min(axis=0) - 1e-6).all()
    assert (estimate <= target.max(axis=0) + 1e-6).all()


@given(seed=st.integers(0, 2**32), rows=st.integers(1, 200), folds=st.integers(2, 8))
def test_folds_by_place_keep_neighbors_together(seed: int, rows: int, folds: int) -> None:
    target = np.random.default_rng(seed).uniform(0, 800, size=(rows, 2))
    doubled = np.concatenate([target, target])
    of_rows = place_folds(doubled, folds)
    np.testing.assert_array_equal(of_rows[:rows], of_rows[rows:])
    assert of_rows.min() == 0
    assert of_rows.max() < folds


def test_the_measured_campus_gives_the_published_error(shared_data: Path) -> None:
    folder = shared_data / "powder_frs_rss"
    with (folder / "single_tx.csv").open() as file:
        header, *rows = csv.reader(file)
    table = np.array([row[1:] for row in rows], dtype=np.float64)
    fixed = [
        number for number, name in enumerate(header[1:]) if not name.startswith(("bus", "tx_"))
    ]
    rssi = np.where(table[:, fixed] <= -101, np.nan, table[:, fixed])  # -101 is "no reading"
    target = np.stack(LocalFrame(40.766, -111.842).to_local(table[:, -2], table[:, -1]), axis=-1)
    held_out = json.loads((folder / "grid_test_timestamps.json").read_text())
    is_test = np.isin([row[0] for row in rows], held_out)

    centroid = TrainingCentroid(target[~is_test]).predict(int(is_test.sum()))
    assert mean_and_median_m(centroid, target[is_test]) == pytest.approx((538, 492), rel=0.01)
    five = WeightedNearestNeighbors(rssi[~is_test], target[~is_test], neighbors=5)
    assert mean_and_median_m(five.predict(rssi[is_test]), target[is_test]) == pytest.approx(
        (170, 130), rel=0.08
    )
    chosen = WeightedNearestNeighbors(rssi[~is_test], target[~is_test])
    assert chosen.neighbors > 1
    assert mean_and_median_m(chosen.predict(rssi[is_test]), target[is_test]) == pytest.approx(
        (165, 132), rel=0.08
    )
