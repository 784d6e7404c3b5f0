"""Posteriors over a grid: against Gaussians whose moments and regions are known."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2, multivariate_normal

from training_core.radio.calibration import (
    TEMPERATURES,
    best_temperature,
    ellipse_level,
    ellipse_temperature,
)
from training_core.radio.grid_estimator import GridEstimator, fit_temperatures
from training_core.radio.posterior_map import PlaceGrid, PosteriorMap, place_grid

Float64Array = NDArray[np.float64]
COVARIANCE = np.array([[9_000.0, 4_000.0], [4_000.0, 6_000.0]])


def flat_grid(side_m: float = 20.0, reach_m: float = 900.0) -> PlaceGrid:
    axis = np.arange(-reach_m, reach_m, side_m) + side_m / 2
    center = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    return PlaceGrid(center, side_m, np.full(len(center), -np.log(len(center))))


def gaussian_map(means: Float64Array, scale: float = 1.0) -> PosteriorMap:
    grid = flat_grid()
    likelihood = [multivariate_normal(mean, COVARIANCE * scale).logpdf(grid.center_m)
                  for mean in means]  # fmt: skip
    return PosteriorMap(grid, np.array(likelihood, dtype=np.float32))


def drawn(rows: int, seed: int = 0) -> tuple[Float64Array, Float64Array]:
    """Estimates and truths that scatter around them with `COVARIANCE`."""
    generator = np.random.default_rng(seed)
    mean = generator.uniform(-200, 200, (rows, 2))
    return mean, mean + generator.multivariate_normal(np.zeros(2), COVARIANCE, rows)


def test_moments_density_and_levels_of_a_gaussian() -> None:
    mean, truth = drawn(60)
    posterior = gaussian_map(mean)
    np.testing.assert_allclose(posterior.mean_m(), mean, atol=0.1)
    cell = 20.0**2 / 12 * np.eye(2)
    for covariance in posterior.covariance_m2():
        np.testing.assert_allclose(covariance, COVARIANCE + cell, rtol=0.01)
    cell_center = posterior.grid.center_m[posterior.grid.nearest_cell(truth)]
    log_density = [
        multivariate_normal(m, COVARIANCE).logpdf(t) for m, t in zip(mean, cell_center, strict=True)
    ]
    np.testing.assert_allclose(posterior.log_density(truth), log_density, atol=0.02)
    away = cell_center - mean
    squared = np.einsum("ij,jk,ik->i", away, np.linalg.inv(COVARIANCE), away)
    np.testing.assert_allclose(posterior.credible_level(truth), chi2.cdf(squared, 2), atol=0.02)


def test_a_temperature_widens_a_gaussian() -> None:
    mean, truth = drawn(20)
    tempered = gaussian_map(mean).credible_level(truth, 2.0)
    wide = gaussian_map(mean, scale=2.0).credible_level(truth)
    np.testing.assert_allclose(tempered, wide, atol=1e-3)


def test_the_region_of_a_row_holds_its_share_in_the_fewest_cells() -> None:
    posterior = gaussian_map(np.zeros((1, 2)))
    density = np.exp(posterior.log_density(posterior.grid.center_m[:1]))
    assert density.shape == (1,)
    inside = posterior.region(0, 0.9)
    area = np.pi * chi2.ppf(0.9, 2) * np.sqrt(np.linalg.det(COVARIANCE))
    assert inside.sum() * 20.0**2 == pytest.approx(area, rel=0.02)


def test_two_modes_keep_their_places_outside_of_any_ellipse() -> None:
    grid = flat_grid()
    one, two = (
        multivariate_normal(center, 2_000.0).logpdf(grid.center_m)
        for center in ([-400.0, 0.0], [400.0, 0.0])
    )
    likelihood = np.logaddexp(one, two)[None].astype(np.float32)
    posterior = PosteriorMap(grid, np.repeat(likelihood, 3, axis=0))
    level = posterior.credible_level(np.array([[-400.0, 0.0], [400.0, 0.0], [0.0, 0.0]]))
    assert level[:2].max() < 0.05
    assert level[2] > 0.99
    np.testing.assert_allclose(posterior.mean_m()[0], [0, 0], atol=0.1)


def test_the_prior_is_where_training_was_however_long_somebody_stood_there() -> None:
    generator = np.random.default_rng(0)
    target = generator.uniform(0, 1_000, (2_000, 2))
    target = target[(target[:, 0] < 300) | (target[:, 0] > 700)]
    grid = place_grid(target, 900)
    assert 700 < len(grid.center_m) < 1_200
    assert np.exp(grid.log_prior).sum() == pytest.approx(1.0)
    standing = place_grid(np.concatenate([target, np.tile(target[:1], (5_000, 1))]), 900)
    np.testing.assert_allclose(standing.log_prior, grid.log_prior)
    center, inside = grid.center_m, np.exp(grid.log_prior)
    middle = inside[np.abs(center[:, 0] - 500) < 50].mean()
    assert inside[np.abs(center[:, 0] - 150) < 50].mean() > 3 * middle > 0


def test_all_training_at_one_place_still_makes_a_grid() -> None:
    grid = place_grid(np.full((5, 2), 7.0), 400)
    assert np.isfinite(grid.log_prior).all()
    assert np.abs(grid.center_m - 7.0).max() < 2.0


@pytest.mark.parametrize("scale", [0.25, 1.0, 5.0])
def test_the_temperature_of_ellipses_is_what_they_lack(scale: float) -> None:
    mean, truth = drawn(4_000)
    covariance = np.tile(COVARIANCE / scale, (len(mean), 1, 1))
    temperature = ellipse_temperature(mean, covariance, truth)
    assert temperature == pytest.approx(scale, rel=0.15)
    level = ellipse_level(mean, covariance * temperature, truth)
    for share in (0.5, 0.9):
        assert np.mean(level <= share) == pytest.approx(share, abs=0.025)


def test_temperatures_of_a_map_are_fitted_to_coverage_and_to_error() -> None:
    mean, truth = drawn(400)
    narrow = gaussian_map(mean, scale=1 / 3)
    region, position = fit_temperatures([(narrow, truth)])
    assert region == pytest.approx(3.0, rel=0.3)
    assert position in TEMPERATURES
    estimator = GridEstimator(narrow.grid, lambda rows: narrow.log_likelihood[rows], region)
    level, log_density = estimator.judged(np.arange(400), truth)
    assert np.mean(level <= 0.9) == pytest.approx(0.9, abs=0.05)
    assert log_density.mean() > narrow.log_density(truth).mean()
    found, covariance = estimator.predict(np.arange(400))
    np.testing.assert_allclose(found, mean, atol=0.5)
    np.testing.assert_allclose(covariance[0], COVARIANCE * region / 3, rtol=0.05, atol=100)


def test_levels_that_are_uniform_need_no_temperature() -> None:
    uniform = np.random.default_rng(0).uniform(size=5_000)
    exponent = -np.log1p(-uniform)
    assert best_temperature(lambda t: -np.expm1(-exponent / t)) == pytest.approx(1.0, rel=0.2)
