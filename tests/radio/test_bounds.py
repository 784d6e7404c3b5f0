"""Bounds: against numerical information, published formulas and efficient estimators."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import norm

from training_core.radio.bounds import (
    censored_information,
    power_bound_m2,
    rms_m,
    time_bound_m2,
)
from training_core.radio.geocentric import geocentric, local_axes, moved
from training_core.radio.path_loss_fit import PathLossFit
from training_core.radio.tdoa import TimedSessions

Float64Array = NDArray[np.float64]
RECEIVERS = np.array([[0, 0], [900, 100], [200, 800], [1_000, 1_000], [500, 450]], float)
PLACE = np.array([[350.0, 620.0]])
EVERYBODY = np.ones((1, 5), dtype=bool)
UNCENSORED = np.full(5, -500.0)


def law(power_sd_db: float) -> PathLossFit:
    return PathLossFit(np.zeros(5), 3.2, 6.0, power_sd_db)


def test_known_power_gives_the_published_formula() -> None:
    # Patwari et al. 2003, equation (13): b = 10 n / (sigma ln 10).
    slope = (10 * 3.2 / (6.0 * np.log(10))) ** 2
    away = PLACE[0] - RECEIVERS
    information = slope * sum(np.outer(a, a) / np.hypot(*a) ** 4 for a in away)
    bound = power_bound_m2(law(0.0), UNCENSORED, RECEIVERS, EVERYBODY, PLACE)
    np.testing.assert_allclose(bound[0], np.linalg.inv(information), rtol=1e-6)


def test_unknown_power_is_a_third_unknown_and_a_wide_prior_tells_nothing_of_it() -> None:
    away = PLACE[0] - RECEIVERS
    jacobian = -(32.0 / np.log(10)) * away / (away**2).sum(axis=1)[:, None]
    full = np.column_stack([jacobian, np.ones(5)]) / 6.0
    expected = np.linalg.inv(full.T @ full)[:2, :2]
    bound = power_bound_m2(law(1e4), UNCENSORED, RECEIVERS, EVERYBODY, PLACE)
    np.testing.assert_allclose(bound[0], expected, rtol=1e-5)
    rms = [
        rms_m(power_bound_m2(law(sd), UNCENSORED, RECEIVERS, EVERYBODY, PLACE))[0]
        for sd in (0.0, 2.0, 8.0, 1e4)
    ]
    assert rms == sorted(rms)


@pytest.mark.parametrize("z", [-6.0, -1.0, 0.0, 0.7, 3.0])
def test_the_information_of_a_censored_reading_is_the_variance_of_its_score(z: float) -> None:
    # E[(d log L / d mean)^2] by a fine sum over readings, the censored ones taken together.
    reading = np.linspace(z, max(z, 0) + 9, 200_001)
    heard = np.trapezoid(reading**2 * norm.pdf(reading), reading)
    weak = norm.cdf(z) * (norm.pdf(z) / norm.cdf(z)) ** 2
    assert censored_information(np.array([z]))[0] == pytest.approx(heard + weak, rel=1e-5)


def test_censoring_takes_information_and_everything_censored_leaves_some() -> None:
    bounds = [
        rms_m(power_bound_m2(law(0.0), np.full(5, c), RECEIVERS, EVERYBODY, PLACE))[0]
        for c in (-500.0, -90.0, -85.0, -80.0)
    ]
    assert bounds == sorted(bounds)
    assert np.isfinite(bounds).all()


def test_an_efficient_estimator_reaches_the_bound_of_powers() -> None:
    # With little noise maximum likelihood is efficient.
    fit = PathLossFit(np.zeros(5), 3.2, 0.5, 0.0)
    audible = np.full(5, -92.0)
    generator = np.random.default_rng(0)

    def mean(place: Float64Array) -> Float64Array:
        return fit.mean_dbm(np.hypot(*(place - RECEIVERS).T))

    # Some readings are censored half of the time.
    assert (np.abs(mean(PLACE[0]) + 92.0) < 0.5).any()
    errors = []
    for _ in range(400):
        told = np.fmax(mean(PLACE[0]) + generator.normal(0, 0.5, 5), audible)
        weak = told <= audible

        def cost(place: Float64Array, told: Float64Array = told, weak: NDArray[np.bool_] = weak) -> float:  # fmt: skip
            z = (told - mean(place)) / 0.5
            return float(0.5 * (z[~weak] ** 2).sum() - norm.logcdf(z[weak]).sum())

        found = minimize(cost, PLACE[0] + 5.0, method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-6})  # fmt: skip
        errors.append(found.x - PLACE[0])
    bound = power_bound_m2(fit, audible, RECEIVERS, EVERYBODY, PLACE)[0]
    scatter = np.cov(np.array(errors).T, ddof=0)
    np.testing.assert_allclose(np.sqrt(np.trace(scatter)), np.sqrt(np.trace(bound)), rtol=0.08)


def test_too_few_receivers_bound_nothing() -> None:
    only = np.array([[True, False, False, False, False]])
    assert np.isinf(rms_m(power_bound_m2(law(0.0), UNCENSORED, RECEIVERS, only, PLACE)))
    two = only.copy()
    two[0, 1] = True
    assert np.isfinite(rms_m(power_bound_m2(law(0.0), UNCENSORED, RECEIVERS, two, PLACE)))
    assert rms_m(power_bound_m2(law(1e5), UNCENSORED, RECEIVERS, two, PLACE)) > 1e5


def timed(rows: int) -> tuple[TimedSessions, Float64Array, Float64Array]:
    generator = np.random.default_rng(3)
    latitude, longitude = generator.uniform(46.9, 47.6, rows), generator.uniform(8.0, 9.0, rows)
    sites = geocentric(
        generator.uniform(46.5, 48.0, (rows, 6)), generator.uniform(7.5, 9.5, (rows, 6)), 400.0
    )
    sigma = generator.uniform(10.0, 60.0, (rows, 6))
    place = geocentric(latitude, longitude, 3_000.0)
    arrival = np.linalg.norm(place[:, None] - sites, axis=2)
    return TimedSessions(sites, arrival, sigma, np.full(rows, 3_000.0)), latitude, longitude


def test_the_bound_of_times_is_that_of_differences_against_one_reference() -> None:
    sessions, latitude, longitude = timed(20)
    bound = time_bound_m2(sessions, latitude, longitude)
    place = geocentric(latitude, longitude, sessions.altitude_m)
    away = place[:, None] - sessions.receiver_m
    unit = away / np.linalg.norm(away, axis=2, keepdims=True)
    slope = np.einsum("rsk,rak->rsa", unit, local_axes(latitude, longitude)[:, :2])
    for row in range(20):
        jacobian = slope[row, 1:] - slope[row, 0]
        variance = sessions.sigma_m[row] ** 2
        covariance = variance[0] + np.diag(variance[1:])
        information = jacobian.T @ np.linalg.inv(covariance) @ jacobian
        np.testing.assert_allclose(bound[row], np.linalg.inv(information), rtol=1e-8)


def test_an_efficient_estimator_reaches_the_bound_of_times() -> None:
    sessions, latitude, longitude = timed(1)
    generator = np.random.default_rng(0)
    place = geocentric(latitude[0], longitude[0], 3_000.0)
    exact = np.linalg.norm(place - sessions.receiver_m[0], axis=1)
    # Least squares linearised by differences: with errors of meters it is the whole truth.
    step = 1.0
    columns = []
    for east, north in ((step, 0.0), (0.0, step)):
        beside = moved(
            latitude, longitude, sessions.altitude_m, np.array([east]), np.array([north])
        )
        there = geocentric(beside[0][0], beside[1][0], 3_000.0)
        columns.append((np.linalg.norm(there - sessions.receiver_m[0], axis=1) - exact) / step)
    design = np.column_stack([*columns, np.ones(6)]) / sessions.sigma_m[0][:, None]
    noise = generator.normal(size=(6, 20_000))
    found = np.linalg.lstsq(design, noise, rcond=None)[0][:2]
    bound = time_bound_m2(sessions, latitude, longitude)[0]
    np.testing.assert_allclose(np.cov(found), bound, rtol=0.06, atol=0.06 * bound.max())


def test_sessions_that_two_receivers_timed_are_not_bounded() -> None:
    sessions, latitude, longitude = timed(2)
    arrival = sessions.arrival_m.copy()
    arrival[0, 2:] = np.nan
    few = TimedSessions(sessions.receiver_m, arrival, sessions.sigma_m, sessions.altitude_m)
    rms = rms_m(time_bound_m2(few, latitude, longitude))
    np.testing.assert_array_equal(np.isinf(rms), [True, False])
