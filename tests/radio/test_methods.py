"""All methods together: what applies where, what they state, and that they never see the test."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from training_core.contract.errors import DatasetError
from training_core.radio import power_methods
from training_core.radio.calibration import ellipse_level
from training_core.radio.generator import SyntheticSessions, generate
from training_core.radio.geocentric import geocentric
from training_core.radio.method_answer import calibration_folds
from training_core.radio.method_inputs import MethodInputs, PowerInputs, TimeInputs
from training_core.radio.methods import METHODS, QUICK, MethodResults, run_methods
from training_core.radio.path_loss import SPEED_OF_LIGHT_M_S
from training_core.radio.place_folds import place_folds
from training_core.radio.presets import preset_options
from training_core.radio.tdoa import TimedSessions

Float64Array = NDArray[np.float64]
ROWS = 600
TRAIN, TEST = np.arange(450), np.arange(450, ROWS)


@pytest.fixture(autouse=True)
def small_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power_methods, "TREES", 40)
    monkeypatch.setattr(power_methods, "_FOLD_TREES", 20)
    monkeypatch.setattr(power_methods, "CELLS", 1_200)


def inputs_of(drawn: SyntheticSessions, timed: bool = False) -> MethodInputs:
    place = drawn.emissions.position_m
    latitude, longitude = drawn.frame.to_wgs84(place[:, 0], place[:, 1])
    links, receivers = drawn.links, drawn.receivers
    time = None
    if timed:
        arrival = (links.toa_ns - links.toa_ns.max(axis=1, keepdims=True)) * 1e-9
        sites = geocentric(receivers.latitude_deg, receivers.longitude_deg, receivers.altitude_m)
        altitude = drawn.options.ground_altitude_m + drawn.options.emitter_height_m
        sessions = TimedSessions(
            np.broadcast_to(sites, (*arrival.shape, 3)),
            np.where(links.has_toa, arrival * SPEED_OF_LIGHT_M_S, np.nan),
            np.where(links.has_toa, links.time_sd_ns * 1e-9 * SPEED_OF_LIGHT_M_S, 1.0),
            np.full(len(place), altitude),
        )
        index = np.broadcast_to(np.arange(arrival.shape[1]), arrival.shape)
        time = TimeInputs(sessions, index, arrival.shape[1], True, True)
    power = PowerInputs(links.rssi_dbm, receivers.position_m)
    return MethodInputs(place, latitude, longitude, TRAIN, TEST, power, time, drawn.frame)


@pytest.fixture(scope="module")
def campus() -> MethodInputs:
    options = preset_options("campus", {"movement": "uniform"})
    return inputs_of(generate(options, ROWS, seed=1))


@pytest.fixture(scope="module")
def network() -> MethodInputs:
    """Seven stations on 150 by 120 km with GPS clocks."""
    return inputs_of(generate(preset_options("vhf-network", {}), ROWS, seed=1), timed=True)


def errors_m(results: MethodResults, inputs: MethodInputs) -> dict[str, Float64Array]:
    target = inputs.target_m[inputs.test]
    return {name: np.hypot(*(answer.mean_m - target).T) for name, answer in results.answers.items()}


def test_every_method_of_power_answers_better_than_the_centroid(campus: MethodInputs) -> None:
    told: list[str] = []
    results = run_methods(campus, report=lambda name, done, total: told.append(name))
    assert list(results.answers) == list(METHODS[1:])
    median = {name: np.median(error) for name, error in errors_m(results, campus).items()}
    for name in METHODS[1:-2]:
        assert median[name] < 0.5 * median["training_centroid"], name
    assert median["radio_map"] == min(median.values())
    assert results.neighbors is not None
    assert results.notes == []
    assert {"radio map", "path loss", "extra trees", "weighted neighbors"} <= set(told)
    for name in ("radio map, calibration 1", "extra trees, calibration"):
        assert name in told
    bound = results.bounds_m["power"]
    assert bound.shape == TEST.shape
    assert 30 < np.median(bound) < 1_000


def test_regions_hold_what_they_state_on_places_nobody_learned(campus: MethodInputs) -> None:
    fold = place_folds(campus.target_m, 4, 12)
    apart = replace(campus, train=np.flatnonzero(fold != 0), test=np.flatnonzero(fold == 0))
    results = run_methods(apart)
    target = campus.target_m[apart.test]
    for name, answer in results.answers.items():
        if answer.covariance_m2 is None:
            assert name in ("strongest_receiver", "training_centroid")
            continue
        level = ellipse_level(answer.mean_m, answer.covariance_m2, target)
        if answer.judged is not None:
            level, log_density = answer.judged(target)
            assert np.isfinite(log_density).all()
        assert np.mean(level <= 0.9) == pytest.approx(0.9, abs=0.1), name
        assert np.mean(level <= 0.5) == pytest.approx(0.5, abs=0.15), name


def test_no_method_looks_at_the_places_it_is_asked_for(campus: MethodInputs) -> None:
    wrong = campus.target_m.copy()
    wrong[TEST] = 1e6
    blind = replace(campus, target_m=wrong, latitude_deg=campus.latitude_deg * np.nan)
    one, other = run_methods(campus), run_methods(blind)
    for name, answer in one.answers.items():
        np.testing.assert_array_equal(answer.mean_m, other.answers[name].mean_m)
        if answer.covariance_m2 is not None:
            np.testing.assert_array_equal(answer.covariance_m2, other.answers[name].covariance_m2)


def test_times_are_used_where_there_are_any(network: MethodInputs) -> None:
    results = run_methods(network, ("time_differences", "training_centroid"))
    error = errors_m(results, network)
    assert np.median(error["time_differences"]) < 0.05 * np.median(error["training_centroid"])
    bound = results.bounds_m["time"]
    known = np.isfinite(bound)
    assert 0.3 < np.median(error["time_differences"][known] / bound[known]) < 2.0
    covariance = results.answers["time_differences"].covariance_m2
    assert covariance is not None
    target = network.target_m[TEST]
    level = ellipse_level(results.answers["time_differences"].mean_m, covariance, target)
    assert np.mean(level <= 0.9) == pytest.approx(0.9, abs=0.08)
    assert any("altitudes" in note for note in results.notes)


def test_a_session_that_two_receivers_timed_is_put_where_training_was(
    network: MethodInputs,
) -> None:
    assert network.time is not None
    arrival = network.time.sessions.arrival_m.copy()
    for row in TEST[:5]:
        arrival[row, np.flatnonzero(np.isfinite(arrival[row]))[2:]] = np.nan
    sessions = replace(network.time.sessions, arrival_m=arrival)
    few = replace(network, time=replace(network.time, sessions=sessions))
    results = run_methods(few, ("time_differences",))
    answer = results.answers["time_differences"]
    center = network.target_m[TRAIN].mean(axis=0)
    np.testing.assert_allclose(answer.mean_m[:5], np.tile(center, (5, 1)))
    assert answer.covariance_m2 is not None
    np.testing.assert_allclose(
        answer.covariance_m2[0], np.cov(network.target_m[TRAIN].T) + np.eye(2)
    )
    assert any("5 sessions" in note for note in results.notes)


def test_a_receiver_whose_floor_moved_is_left_out(campus: MethodInputs) -> None:
    assert campus.power is not None
    generator = np.random.default_rng(0)
    rssi = campus.power.rssi_dbm
    # Receivers that report their noise: what is missing is noise now.
    floor = np.nanmin(rssi, axis=0) - 4.0
    noisy = np.where(np.isnan(rssi), floor + generator.normal(0, 1, rssi.shape), rssi)
    noisy[TEST, 5] += 15.0
    power = replace(campus.power, rssi_dbm=noisy)
    results = run_methods(replace(campus, power=power), QUICK)
    np.testing.assert_array_equal(results.dropped, [5])
    without = run_methods(replace(campus, power=power.without(np.arange(24) == 5)), QUICK)
    assert len(without.dropped) == 0
    for name in QUICK:
        np.testing.assert_array_equal(results.answers[name].mean_m, without.answers[name].mean_m)


def test_a_receiver_that_is_off_in_the_test_is_no_place_of_silence(campus: MethodInputs) -> None:
    assert campus.power is not None
    generator = np.random.default_rng(0)
    rssi = campus.power.rssi_dbm
    floor = np.nanmin(rssi, axis=0) - 4.0
    noisy = np.where(np.isnan(rssi), floor + generator.normal(0, 1, rssi.shape), rssi)
    noisy[TEST[:, None], np.arange(16)] = np.nan
    power = replace(campus.power, rssi_dbm=noisy)
    results = run_methods(replace(campus, power=power), ("weighted_neighbors", "extra_trees"))
    assert len(results.dropped) == 0
    without = run_methods(
        replace(campus, power=power.without(np.arange(24) < 16)),
        ("weighted_neighbors", "extra_trees"),
    )
    for name, answer in results.answers.items():
        np.testing.assert_array_equal(answer.mean_m, without.answers[name].mean_m)


def test_unknown_positions_leave_the_fingerprints(campus: MethodInputs) -> None:
    assert campus.power is not None
    nowhere = replace(campus.power, receiver_m=np.full_like(campus.power.receiver_m, np.nan))
    results = run_methods(replace(campus, power=nowhere))
    assert list(results.answers) == list(METHODS[3:])
    assert results.bounds_m == {}
    assert any("positions are unknown" in note for note in results.notes)


def test_receivers_that_all_stand_in_one_place_are_no_reason_to_fail(
    network: MethodInputs,
) -> None:
    assert network.power is not None
    assert network.time is not None
    times = network.time.sessions
    site = np.broadcast_to(times.receiver_m[:, :1], times.receiver_m.shape)
    crowded = replace(
        network,
        power=replace(network.power, receiver_m=np.zeros_like(network.power.receiver_m)),
        time=replace(network.time, sessions=replace(times, receiver_m=site)),
    )
    results = run_methods(crowded)
    assert list(results.answers) == list(METHODS)
    for answer in results.answers.values():
        assert np.isfinite(answer.mean_m).all()
        assert answer.covariance_m2 is None or np.isfinite(answer.covariance_m2).all()
    center = network.target_m[TRAIN].mean(axis=0)
    np.testing.assert_allclose(results.answers["time_differences"].mean_m[0], center)
    assert np.isinf(results.bounds_m["time"]).all()


def test_one_and_two_receivers_answer_with_what_they_know(campus: MethodInputs) -> None:
    assert campus.power is not None
    heard_most = np.isfinite(campus.power.rssi_dbm).sum(axis=0).argsort()[::-1]
    for count in (1, 2):
        kept = heard_most[:count]
        few = replace(
            campus,
            power=PowerInputs(campus.power.rssi_dbm[:, kept], campus.power.receiver_m[kept]),
        )
        results = run_methods(few)
        assert list(results.answers) == list(METHODS[1:])
        median = {name: np.median(error) for name, error in errors_m(results, few).items()}
        assert median["radio_map"] < 1.1 * median["training_centroid"]


def test_nothing_heard_leaves_the_centroid(campus: MethodInputs) -> None:
    results = run_methods(replace(campus, power=None))
    assert list(results.answers) == ["training_centroid"]
    assert any("received power are left out" in note for note in results.notes)
    with pytest.raises(DatasetError, match="no labeled session"):
        run_methods(replace(campus, train=TRAIN[:0]))


def test_a_training_that_is_too_small_teaches_what_it_can(campus: MethodInputs) -> None:
    results = run_methods(replace(campus, train=TRAIN[:12]))
    assert {"weighted_neighbors", "strongest_receiver", "training_centroid"} <= set(results.answers)
    assert any("Radio map could not be learned" in note for note in results.notes)


def test_folds_of_calibration_are_apart_and_hold_every_training_row_once(
    campus: MethodInputs,
) -> None:
    folds = list(calibration_folds(campus.target_m, TRAIN))
    assert len(folds) == 3
    for taught, held_out in folds:
        assert len(np.intersect1d(taught, held_out)) == 0
        assert np.isin(np.concatenate([taught, held_out]), TRAIN).all()
    assert list(calibration_folds(campus.target_m, TRAIN[:10])) == []
