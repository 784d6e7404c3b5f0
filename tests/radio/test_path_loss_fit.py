"""The log-distance law: against what was drawn, and against brute force."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.stats import norm

from training_core.contract.errors import DatasetError
from training_core.radio.path_loss_fit import PathLossFit, fit_path_loss
from training_core.radio.path_loss_map import path_loss_log_likelihood
from training_core.radio.posterior_map import PosteriorMap, place_grid

Float64Array = NDArray[np.float64]
RECEIVERS = np.array(
    [[0, 0], [900, 100], [200, 800], [1_000, 1_000], [500, 450], [-100, 600], [700, -200]], float
)
OFFSETS = np.array([5.0, -3.0, 8.0, 0.0, 12.0, -6.0, 2.0])


def drawn(
    rows: int, seed: int = 0, sd_db: float = 6.0, power_sd_db: float = 3.0
) -> tuple[Float64Array, Float64Array]:
    """Powers (rows, receivers) and places under the law with n = 3.2."""
    generator = np.random.default_rng(seed)
    place = generator.uniform(-100, 1_100, (rows, 2))
    distance = np.linalg.norm(place[:, None] - RECEIVERS, axis=2)
    mean = OFFSETS - 32.0 * np.log10(np.maximum(distance, 10.0))
    noise = generator.normal(0, sd_db, mean.shape)
    return mean + noise + generator.normal(0, power_sd_db, (rows, 1)), place


@pytest.mark.parametrize("audible", [-200.0, -85.0, -78.0])
def test_the_law_is_found_whatever_share_is_censored(audible: float) -> None:
    rssi, place = drawn(3_000)
    level = np.full(7, audible)
    fit = fit_path_loss(np.fmax(rssi, audible), level, place, RECEIVERS)
    assert fit.exponent == pytest.approx(3.2, abs=0.1)
    of_one_reading = np.hypot(fit.shadowing_sd_db, fit.power_sd_db)
    assert of_one_reading == pytest.approx(np.hypot(6.0, 3.0), rel=0.04)
    np.testing.assert_allclose(
        fit.at_meter_dbm - OFFSETS, (fit.at_meter_dbm - OFFSETS).mean(), atol=1.0
    )
    if audible == -200.0:
        assert fit.power_sd_db == pytest.approx(3.0, abs=0.3)
        assert fit_path_loss(
            drawn(3_000, power_sd_db=0.0)[0], level, place, RECEIVERS
        ).power_sd_db < 0.7  # fmt: skip


def test_readings_that_are_treated_as_they_are_bend_the_law() -> None:
    rssi, place = drawn(3_000, power_sd_db=0.0)
    clipped = np.fmax(rssi, -78.0)
    honest = fit_path_loss(clipped, np.full(7, -78.0), place, RECEIVERS)
    naive = fit_path_loss(clipped, np.full(7, -200.0), place, RECEIVERS)
    assert abs(honest.exponent - 3.2) < 0.15 < abs(naive.exponent - 3.2)


def test_receivers_that_are_off_unknown_or_deaf_are_left_out() -> None:
    rssi, place = drawn(500)
    rssi[:, 0] = np.nan
    rssi[:, 1] = -150.0
    receiver = RECEIVERS.copy()
    receiver[2] = np.nan
    audible = np.full(7, -100.0)
    audible[3] = np.nan
    fit = fit_path_loss(rssi, audible, place, receiver)
    np.testing.assert_array_equal(np.isnan(fit.at_meter_dbm), [1, 1, 1, 1, 0, 0, 0])
    with pytest.raises(DatasetError, match="No receiver of known position"):
        fit_path_loss(rssi, audible, place, np.full((7, 2), np.nan))


def test_the_likelihood_of_a_cell_is_the_integral_over_the_power() -> None:
    fit = PathLossFit(OFFSETS, 3.2, 6.0, 2.5)
    audible = np.full(7, -80.0)
    rssi, _ = drawn(4, seed=5)
    rssi = np.fmax(rssi, -84.0)
    rssi[0, 3] = np.nan
    grid = place_grid(drawn(100)[1], 30)
    found = path_loss_log_likelihood(fit, audible, RECEIVERS, rssi, grid)
    cells = np.array([2, 11, 25])
    for row in range(4):
        expected = []
        for cell in cells:
            distance = np.linalg.norm(grid.center_m[cell] - RECEIVERS, axis=1)
            mean = OFFSETS - 32.0 * np.log10(np.maximum(distance, 10.0))

            def joint(power: float, mean: Float64Array = mean, row: int = row) -> float:
                told = np.isfinite(rssi[row])
                heard = told & (rssi[row] > -80.0)
                weak = told & ~heard
                value = norm.pdf(rssi[row, heard], mean[heard] + power, 6.0).prod()
                value *= norm.cdf(-80.0, mean[weak] + power, 6.0).prod()
                return float(value * norm.pdf(power, 0.0, 2.5)) * 1e8

            expected.append(np.log(quad(joint, -25, 25, epsabs=0, epsrel=1e-9, limit=200)[0]))
        log_ratio = found[row, cells] - found[row, cells[0]]
        np.testing.assert_allclose(log_ratio, np.array(expected) - expected[0], atol=0.05)


def test_posteriors_under_the_law_hold_what_they_state() -> None:
    rssi, place = drawn(3_000)
    audible = np.full(7, -84.0)
    rssi = np.fmax(rssi, -84.0)
    fit = fit_path_loss(rssi[:2_500], audible, place[:2_500], RECEIVERS)
    grid = place_grid(place[:2_500], 2_500)
    asked = np.arange(2_500, 3_000)
    posterior = PosteriorMap(
        grid, path_loss_log_likelihood(fit, audible, RECEIVERS, rssi[asked], grid)
    )
    level = posterior.credible_level(place[asked])
    for share in (0.5, 0.9):
        assert np.mean(level <= share) == pytest.approx(share, abs=0.05)
