"""Times of arrival: against pyproj, on exact data, and statistically."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import Geod, Transformer
from scipy.optimize import least_squares

from training_core.contract.errors import DatasetError
from training_core.radio.bounds import rms_m, time_bound_m2
from training_core.radio.chan_ho import chan_ho
from training_core.radio.geo import distance_m
from training_core.radio.geocentric import geocentric, local_axes, moved
from training_core.radio.tdoa import TimedSessions, arrival_residuals_m, locate
from training_core.radio.timing_fit import fit_timing

Float64Array = NDArray[np.float64]
GEOD = Geod(ellps="WGS84")


def drawn(
    rows: int, slots: int, sigma_m: float, seed: int = 0, altitude_m: float = 9_000.0
) -> tuple[TimedSessions, Float64Array, Float64Array]:
    """Emitters among and around `slots` receivers within 300 km, with Gaussian errors."""
    generator = np.random.default_rng(seed)
    latitude = generator.uniform(46.5, 48.5, rows)
    longitude = generator.uniform(7.0, 11.0, rows)
    sites = geocentric(
        generator.uniform(46.0, 49.0, (rows, slots)),
        generator.uniform(6.0, 12.0, (rows, slots)),
        generator.uniform(200.0, 900.0, (rows, slots)),
    )
    altitude = np.full(rows, altitude_m)
    place = geocentric(latitude, longitude, altitude)
    arrival = np.linalg.norm(place[:, None] - sites, axis=2) + generator.uniform(0, 1e6, (rows, 1))
    arrival += generator.normal(0, 1, arrival.shape) * sigma_m
    sigma = np.full(arrival.shape, max(sigma_m, 0.1))
    return TimedSessions(sites, arrival, sigma, altitude), latitude, longitude


@given(st.floats(-89, 89), st.floats(-180, 180), st.floats(-400, 12_000))
def test_points_in_space_are_those_of_proj(
    latitude: float, longitude: float, altitude: float
) -> None:
    transformer = Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)
    expected = transformer.transform(longitude, latitude, altitude)
    np.testing.assert_allclose(geocentric(latitude, longitude, altitude), expected, atol=1e-3)


@given(st.floats(-80, 80), st.floats(-170, 170), st.floats(-3_000, 3_000), st.floats(-3_000, 3_000))
def test_a_small_step_goes_where_the_geodesic_does(
    latitude: float, longitude: float, east: float, north: float
) -> None:
    here = np.array([latitude]), np.array([longitude])
    (to_latitude,), (to_longitude,) = moved(*here, np.zeros(1), np.array([east]), np.array([north]))
    azimuth, length = np.degrees(np.arctan2(east, north)), np.hypot(east, north)
    far_longitude, far_latitude, _ = GEOD.fwd(longitude, latitude, azimuth, length)
    _, _, off = GEOD.inv(to_longitude, to_latitude, far_longitude, far_latitude)
    assert off < 1.0 + 1e-6 * length**2 * 6
    axes = local_axes(latitude, longitude)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)


@pytest.mark.parametrize("slots", [3, 4, 6])
def test_the_closed_form_is_exact_on_exact_arrivals(slots: int) -> None:
    generator = np.random.default_rng(slots)
    site = generator.uniform(-50_000, 50_000, (200, slots, 3)) * [1, 1, 0.01]
    place = generator.uniform(-40_000, 40_000, (200, 2))
    height = generator.uniform(0, 9_000, 200)
    point = np.concatenate([place, height[:, None]], axis=1)
    arrival = np.linalg.norm(point[:, None] - site, axis=2) + 12_345.0
    found = chan_ho(site, arrival, height)
    error = np.nanmin(np.linalg.norm(found - place[:, None], axis=2), axis=1)
    assert np.quantile(error, 0.95) < 1.0
    absent = site.copy()
    absent[:, 2:] = np.nan
    assert np.isnan(chan_ho(absent, arrival, height)).all()


@pytest.mark.parametrize("slots", [4, 5, 7])
def test_exact_arrivals_give_the_exact_place(slots: int) -> None:
    sessions, latitude, longitude = drawn(300, slots, 0.0)
    fixes = locate(sessions)
    error = distance_m(fixes.latitude_deg, fixes.longitude_deg, latitude, longitude)
    # With four receivers a few emitters outside of them have a twin that fits as exactly.
    assert np.quantile(error, 0.9 if slots == 4 else 0.99) < 0.1


def test_the_cost_is_no_higher_than_what_a_general_solver_finds_from_the_truth() -> None:
    sessions, latitude, longitude = drawn(25, 5, 40.0, seed=3)
    fixes = locate(sessions)
    for row in range(25):

        def residual(x: Float64Array, row: int = row) -> Float64Array:
            place = geocentric(x[0], x[1], sessions.altitude_m[row])
            distance = np.linalg.norm(place - sessions.receiver_m[row], axis=1)
            scaled: Float64Array = (sessions.arrival_m[row] - distance - x[2] * 1e5) / 40.0
            return scaled

        time = float((sessions.arrival_m[row]).mean() - 2e5) / 1e5
        start = np.array([latitude[row], longitude[row], time])
        found = least_squares(residual, start, loss="cauchy", f_scale=2.385, x_scale=[1, 1, 1],
                              xtol=1e-12, ftol=1e-12, gtol=1e-12)  # fmt: skip
        assert fixes.cost[row] <= 2.0 * found.cost + 0.02


def test_the_error_is_the_bound_and_the_covariance_says_so() -> None:
    sessions, latitude, longitude = drawn(2_000, 6, 30.0, seed=1)
    bound = time_bound_m2(sessions, latitude, longitude)
    good = rms_m(bound) < 400
    assert good.sum() > 1_500
    fixes = locate(sessions)
    azimuth, _, away = GEOD.inv(longitude, latitude, fixes.longitude_deg, fixes.latitude_deg)
    offset = np.stack([np.sin(np.radians(azimuth)), np.cos(np.radians(azimuth))], axis=1)
    offset *= np.asarray(away)[:, None]
    squared = np.einsum("ra,rab,rb->r", offset, np.linalg.inv(bound), offset)[good]
    # Chi-square with two degrees of freedom: mean 2. Robust weights cost a few percent.
    assert np.mean(squared) == pytest.approx(2.0, rel=0.2)
    assert np.median(squared) == pytest.approx(2.0 * np.log(2.0), rel=0.12)
    stated = np.einsum("ra,rab,rb->r", offset, np.linalg.inv(fixes.covariance_m2), offset)[good]
    assert np.mean(stated < -2.0 * np.log(0.1)) == pytest.approx(0.9, abs=0.07)


def test_one_bad_clock_among_eight_does_not_carry_the_fix_away() -> None:
    sessions, latitude, longitude = drawn(200, 8, 10.0, seed=2)
    arrival = sessions.arrival_m.copy()
    arrival[:, 3] += 5_000.0
    fixes = locate(TimedSessions(sessions.receiver_m, arrival, sessions.sigma_m,
                                 sessions.altitude_m))  # fmt: skip
    error = distance_m(fixes.latitude_deg, fixes.longitude_deg, latitude, longitude)
    assert np.median(error) < 60.0


def test_two_receivers_and_none_give_no_fix() -> None:
    sessions, _, _ = drawn(3, 4, 0.0)
    arrival = sessions.arrival_m.copy()
    arrival[0, 2:] = np.nan
    arrival[1] = np.nan
    fixes = locate(TimedSessions(sessions.receiver_m, arrival, sessions.sigma_m,
                                 sessions.altitude_m))  # fmt: skip
    np.testing.assert_array_equal(np.isnan(fixes.latitude_deg), [True, True, False])
    assert np.isnan(fixes.covariance_m2[:2]).all()


def test_receivers_that_all_stand_in_one_place_say_that_they_know_nothing() -> None:
    sessions, _, _ = drawn(3, 4, 10.0)
    here = np.repeat(sessions.receiver_m[:, :1], 4, axis=1)
    fixes = locate(TimedSessions(here, sessions.arrival_m, sessions.sigma_m, sessions.altitude_m))
    assert np.isfinite(fixes.latitude_deg).all()
    assert np.isnan(fixes.covariance_m2).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), slots=st.integers(3, 6))
def test_whatever_arrives_is_answered_with_places_on_earth(seed: int, slots: int) -> None:
    generator = np.random.default_rng(seed)
    sites = geocentric(generator.uniform(-80, 80, (4, slots)), generator.uniform(-179, 179, (4, slots)), 0.0)  # fmt: skip
    arrival = generator.normal(0, 1e7, (4, slots))
    fixes = locate(TimedSessions(sites, arrival, np.full((4, slots), 30.0), np.zeros(4)))
    assert (np.abs(fixes.latitude_deg) <= 90).all()
    assert (np.abs(fixes.longitude_deg) <= 180).all()


def test_biases_errors_and_the_airs_delay_are_found() -> None:
    sessions, latitude, longitude = drawn(600, 6, 0.0, seed=4)
    generator = np.random.default_rng(5)
    receiver = np.stack([generator.permutation(9)[:6] for _ in range(600)])
    bias = generator.normal(0, 100, 9)
    sd = np.array([10.0] * 8 + [60.0])
    place = geocentric(latitude, longitude, sessions.altitude_m)
    distance = np.linalg.norm(place[:, None] - sessions.receiver_m, axis=2)
    noise = generator.normal(0, 1, receiver.shape) * sd[receiver]
    arrival = sessions.arrival_m + 3e-4 * distance + bias[receiver] + noise
    arrival[:20, 1:] = np.nan
    arrival[20:30] = np.nan
    biased = TimedSessions(sessions.receiver_m, arrival, sessions.sigma_m, sessions.altitude_m)
    fit = fit_timing(biased, receiver, latitude, longitude, 10, has_stated=False)
    assert fit.excess == pytest.approx(3e-4, abs=3e-5)
    relative = (fit.bias_m - fit.bias_m[0])[:9] - (bias - bias[0])
    assert np.abs(relative).max() < 12.0
    assert fit.bias_m[9] == 0.0
    assert fit.sigma_m[8] > 3 * fit.sigma_m[:8].max() * 0.8
    corrected = fit.corrected(biased, receiver, has_stated=False)
    left, before = (
        np.nanmedian(np.abs(arrival_residuals_m(some, latitude, longitude)))
        for some in (corrected, biased)
    )
    assert left < 0.2 * before
    silent = TimedSessions(sessions.receiver_m, np.full_like(arrival, np.nan), sessions.sigma_m,
                           sessions.altitude_m)  # fmt: skip
    with pytest.raises(DatasetError, match="timed by two receivers"):
        fit_timing(silent, receiver, latitude, longitude, 10, has_stated=False)


def test_measured_aircraft_are_found_as_well_as_others_find_them(shared_data: Path) -> None:
    folder = shared_data / "locards_adsb_toa"
    with (folder / "sensors.csv").open() as file:
        sites = {
            int(row["serial"]): [float(row[name]) for name in ("latitude", "longitude", "height")]
            for row in csv.DictReader(file)
        }
    rows: list[dict[str, str]] = []
    for path in sorted(folder.glob("set_*.csv")):
        with path.open() as file:
            rows += csv.DictReader(file)
    heard = [[m for m in json.loads(row["measurements"]) if m[0] in sites] for row in rows]
    slots = max(map(len, heard))
    site, arrival = np.full((len(rows), slots, 3), np.nan), np.full((len(rows), slots), np.nan)
    for number, measured in enumerate(heard):
        for slot, (serial, time_ns, _) in enumerate(measured):
            site[number, slot] = geocentric(*sites[serial])
            arrival[number, slot] = (time_ns - measured[0][1]) * 0.299792458
    latitude, longitude, altitude = (
        np.array([float(row[name]) for row in rows])
        for name in ("latitude", "longitude", "geoAltitude")
    )
    fixes = locate(TimedSessions(site, arrival, np.full(arrival.shape, 30.0), altitude))
    error = distance_m(fixes.latitude_deg, fixes.longitude_deg, latitude, longitude)
    assert np.median(error) < 65
    assert error.mean() < 105
    # The air's delay alone, a constant of physics, brings it below the published 50 and 91 m.
    slower = arrival / (1 + 2.7e-4)
    fixes = locate(TimedSessions(site, slower, np.full(arrival.shape, 30.0), altitude))
    error = distance_m(fixes.latitude_deg, fixes.longitude_deg, latitude, longitude)
    assert np.median(error) < 50
    assert error.mean() < 91
