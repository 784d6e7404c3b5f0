"""Radio maps: against scikit-learn's Gaussian process, and on a generated campus."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from training_core.contract.errors import DatasetError
from training_core.radio.generator import SyntheticSessions, generate
from training_core.radio.path_loss_fit import fit_path_loss
from training_core.radio.path_loss_map import path_loss_log_likelihood
from training_core.radio.posterior_map import PosteriorMap, place_grid
from training_core.radio.presets import preset_options
from training_core.radio.radio_map import RadioMap, ResidualScales
from training_core.radio.receiver_floors import ReceiverFloors, receiver_floors

Float64Array = NDArray[np.float64]


def map_of(
    rssi: Float64Array, place: Float64Array, receiver: Float64Array, floor: float, cells: int = 60
) -> RadioMap:
    floors = ReceiverFloors(np.full(rssi.shape[1], floor), np.ones(rssi.shape[1], bool))
    return RadioMap(rssi, place, receiver, floors, place_grid(place, cells))


def test_without_a_path_loss_it_is_the_gaussian_process_of_others() -> None:
    generator = np.random.default_rng(0)
    place = generator.uniform(0, 3_000, (120, 2))
    level = -70 + 6 * np.sin(place[:, 0] / 400) + generator.normal(0, 2, 120)
    unknown = np.full((1, 2), np.nan)
    made = map_of(level[:, None], place, unknown, -95.0, cells=12)
    grid = place_grid(place, 12)
    # Cells of this grid are wide: the process sees the means of the places in each.
    cell = np.floor(place / grid.side_m)
    _, of_row, count = np.unique(cell, axis=0, return_inverse=True, return_counts=True)
    mean_place = np.stack([np.bincount(of_row.ravel(), p) / count for p in place.T], axis=1)
    mean_level = np.bincount(of_row.ravel(), level) / count

    s = ResidualScales()
    side = float(np.sqrt(np.prod(np.ptp(grid.center_m, axis=0) + grid.side_m)))
    kernel = ConstantKernel(s.near_sd_db**2) * Matern(s.near_share * side, nu=1.5)
    kernel += ConstantKernel(s.far_sd_db**2) * Matern(s.far_share * side, nu=1.5)
    noise = (s.fading_sd_db**2 + s.floor_sd_db**2) / count + s.place_sd_db**2
    process = GaussianProcessRegressor(kernel, alpha=noise, optimizer=None)
    process.fit(mean_place, mean_level - mean_level.mean())
    expected, sd = process.predict(grid.center_m, return_std=True)
    expected = expected + mean_level.mean()
    variance = sd**2 + s.fading_sd_db**2 + s.floor_sd_db**2 + s.place_sd_db**2

    asked = np.array([[-80.0], [-70.0], [-62.0]])
    likelihood = made.log_likelihood(asked)
    wanted = -0.5 * ((asked - expected) ** 2 / variance + np.log(variance))
    np.testing.assert_allclose(likelihood, wanted, atol=0.01)


def test_far_from_its_receiver_the_map_is_at_the_floor() -> None:
    generator = np.random.default_rng(1)
    place = generator.uniform(0, 4_000, (1_500, 2))
    receiver = np.array([[200.0, 200.0]])
    distance = np.hypot(*(place - receiver[0]).T)
    signal = -20 - 28 * np.log10(np.maximum(distance, 10))
    level = 10 * np.log10(10 ** (signal / 10) + 10**-9.5) + generator.normal(0, 1, 1_500)
    made = map_of(level[:, None], place, receiver, -95.0, cells=400)
    grid = place_grid(place, 400)
    far = np.hypot(*(grid.center_m - receiver[0]).T) > 3_000
    # There a reading at the floor is likely and one of 15 dB more is not, in any cell.
    at_floor, loud = made.log_likelihood(np.array([[-95.0], [-80.0]]))
    assert (at_floor[far] - loud[far]).min() > 5
    best = grid.center_m[np.argmax(made.log_likelihood(np.array([[-62.0]]))[0])]
    assert np.hypot(*(best - receiver[0])) < 400


def test_a_receiver_that_was_off_says_nothing() -> None:
    generator = np.random.default_rng(2)
    place = generator.uniform(0, 1_000, (200, 2))
    rssi = generator.normal(-70, 6, (200, 2))
    both = map_of(rssi, place, np.full((2, 2), np.nan), -95.0)
    one = map_of(rssi[:, :1], place, np.full((1, 2), np.nan), -95.0)
    np.testing.assert_allclose(
        both.log_likelihood(np.array([[-64.0, np.nan]])),
        one.log_likelihood(np.array([[-64.0]])),
        atol=1e-4,
    )


def campus(**options: float) -> SyntheticSessions:
    return generate(preset_options("campus", {"movement": "uniform", **options}), 1_500, seed=4)


def test_on_a_shadowed_campus_the_map_beats_the_law_it_starts_from() -> None:
    drawn = campus()
    place, rssi = drawn.emissions.position_m, drawn.links.rssi_dbm
    receiver = drawn.receivers.position_m
    train, test = slice(0, 1_200), slice(1_200, None)
    floors = receiver_floors(rssi[train])
    grid = place_grid(place[train], 1_500)
    made = RadioMap(rssi[train], place[train], receiver, floors, grid)
    law = fit_path_loss(floors.with_silence(rssi[train]), floors.audible_dbm, place[train],
                        receiver)  # fmt: skip
    filled = floors.with_silence(rssi[test])
    by_map, by_law = (
        np.median(np.hypot(*(PosteriorMap(grid, likelihood).mean_m(2.0) - place[test]).T))
        for likelihood in (
            made.log_likelihood(rssi[test]),
            path_loss_log_likelihood(law, floors.audible_dbm, receiver, filled, grid),
        )
    )
    assert by_map < 0.75 * by_law


def test_progress_is_told_and_too_little_is_refused() -> None:
    place = np.random.default_rng(0).uniform(0, 1_000, (60, 2))
    rssi = np.full((60, 2), -70.0) + place / 100
    floors = ReceiverFloors(np.full(2, -95.0), np.ones(2, bool))
    told: list[tuple[int, int]] = []
    RadioMap(rssi, place, np.full((2, 2), np.nan), floors, place_grid(place, 50),
             report=lambda done, total: told.append((done, total)))  # fmt: skip
    assert told == [(1, 2), (2, 2)]
    with pytest.raises(DatasetError, match="enough readings"):
        RadioMap(rssi[:5], place[:5], np.full((2, 2), np.nan), floors, place_grid(place, 50))
