"""The generator against the physics and the options it was given."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_core.contract.errors import UsageError
from training_core.radio.clocks import CLOCK_QUALITY, SyncClass
from training_core.radio.generator import SyntheticSessions, generate
from training_core.radio.geo import distance_m
from training_core.radio.path_loss import SPEED_OF_LIGHT_M_S, free_space_loss_db
from training_core.radio.presets import CAMPUS, PRESETS, VHF_NETWORK, preset_options


def link_distance_m(drawn: SyntheticSessions) -> np.ndarray:
    """Geodesic distances, (sessions, receivers)."""
    latitude, longitude = drawn.frame.to_wgs84(*drawn.emissions.position_m.T)
    return distance_m(
        latitude[:, None],
        longitude[:, None],
        drawn.receivers.latitude_deg[None],
        drawn.receivers.longitude_deg[None],
    )


def test_received_power_regresses_to_the_configured_exponent_and_sigma() -> None:
    options = preset_options(
        "campus",
        {
            "transmit_power_dbm": 90.0,  # heard everywhere: a detection limit bends a regression
            "movement": "uniform",
            "gain_offset_sd_db": 0.0,
            "emitter_correlation_m": 5.0,
            "receiver_correlation_m": 5.0,
            "receiver_height_m": 0.0,
            "emitter_height_m": 0.0,
        },
    )
    drawn = generate(options, 2_000, seed=4)
    distance = link_distance_m(drawn)
    assert np.isfinite(drawn.links.rssi_dbm).all()
    design = np.stack([np.ones(distance.size), -10 * np.log10(distance.ravel())], axis=-1)
    (at_one_m, exponent), *_ = np.linalg.lstsq(design, drawn.links.rssi_dbm.ravel())
    residual = drawn.links.rssi_dbm.ravel() - design @ [at_one_m, exponent]

    assert exponent == pytest.approx(2.54, abs=0.05)
    assert residual.std() == pytest.approx(6.9, abs=0.1)
    expected = 90.0 - options.system_loss_db - free_space_loss_db(np.array(1.0), 462.7e6)
    assert at_one_m == pytest.approx(float(expected), abs=1.5)


def test_correlated_shadowing_does_not_average_out_over_the_receivers() -> None:
    def spread_of_mean_db(receiver_correlation_m: float) -> float:
        options = preset_options(
            "campus", {"movement": "uniform", "receiver_correlation_m": receiver_correlation_m}
        )
        drawn = generate(options, 1_500, seed=2)
        return float(drawn.links.shadowing_db.mean(axis=1).std())

    independent_db = CAMPUS.shadowing_sd_db / np.sqrt(CAMPUS.receiver_count)
    assert spread_of_mean_db(0.01) == pytest.approx(independent_db, rel=0.15)
    assert spread_of_mean_db(1_000.0) > 1.8 * independent_db


@pytest.mark.parametrize("sync_class", ["gpsdo", "gps", "reference_tx", "ntp"])
def test_arrival_times_scatter_as_the_clock_and_the_noise_say(sync_class: SyncClass) -> None:
    options = preset_options("vhf-network", {"sync_class": sync_class, "delay_bias_sd_ns": 0.0})
    drawn = generate(options, 3_000, seed=6)
    links, quality = drawn.links, CLOCK_QUALITY[sync_class]
    # Path by another road than the generator's: geodesic and height, good to some meters.
    climb = drawn.receivers.altitude_m - options.ground_altitude_m - options.emitter_height_m
    path_ns = np.hypot(link_distance_m(drawn), climb) / SPEED_OF_LIGHT_M_S * 1e9
    flight_ns = (links.toa_ns - drawn.emissions.emission_ns[:, None]).astype(np.float64)
    normalized = ((flight_ns - path_ns) / links.time_sd_ns)[links.has_toa]

    assert links.has_toa.sum() > 10_000
    assert normalized.std() == pytest.approx(1.0, abs=0.03)
    assert normalized.mean() == pytest.approx(0.0, abs=0.08)
    assert (drawn.receivers.clock_sd_ns >= quality.lowest_ns).all()
    assert (drawn.receivers.clock_sd_ns <= quality.highest_ns).all()
    assert (links.time_sd_ns[links.has_toa] >= quality.lowest_ns).all()


def test_least_squares_on_the_arrival_times_reaches_the_cramer_rao_bound() -> None:
    options = preset_options("vhf-network", {"delay_bias_sd_ns": 0.0, "minimum_heard": 5})
    drawn = generate(options, 300, seed=14)
    links, receivers = drawn.links, drawn.receivers
    climb = receivers.altitude_m - options.ground_altitude_m - options.emitter_height_m
    squared = []
    for row in range(300):
        heard = links.has_toa[row]
        station, rise = receivers.position_m[heard], climb[heard]
        sd_m = links.time_sd_ns[row, heard] * 1e-9 * SPEED_OF_LIGHT_M_S
        # Nobody knows the time of emission: only differences of arrival times say anything.
        arrival_ns = (links.toa_ns[row, heard] - links.toa_ns[row, heard].min()).astype(float)
        arrival_m = arrival_ns * 1e-9 * SPEED_OF_LIGHT_M_S
        state = np.append(drawn.emissions.position_m[row], 0.0)
        for _ in range(6):
            offset = state[:2] - station
            slant = np.hypot(np.hypot(*offset.T), rise)
            jacobian = (
                np.column_stack([offset / slant[:, None], np.ones(len(rise))]) / sd_m[:, None]
            )
            residual = (arrival_m - slant - state[2]) / sd_m
            state = state + np.linalg.lstsq(jacobian, residual)[0]
        bound = np.linalg.inv(jacobian.T @ jacobian)[:2, :2]
        error = state[:2] - drawn.emissions.position_m[row]
        squared.append(error @ np.linalg.solve(bound, error))
    # Squared errors in units of the bound follow chi-square with two degrees of freedom.
    assert np.mean(squared) == pytest.approx(2.0, abs=0.45)
    assert np.median(squared) == pytest.approx(2 * np.log(2), abs=0.35)


def test_delay_biases_and_detours_add_to_the_arrival_times() -> None:
    plain = generate(preset_options("vhf-network", {"delay_bias_sd_ns": 0.0}), 400, seed=1)
    later = generate(
        preset_options("vhf-network", {"delay_bias_sd_ns": 500.0, "excess_delay_ns": 2_000.0}),
        400,
        seed=1,
    )
    added = (later.links.toa_ns - plain.links.toa_ns)[plain.links.has_toa].astype(np.float64)
    bias = np.broadcast_to(later.receivers.delay_bias_ns, plain.links.has_toa.shape)
    expected = (bias + later.links.excess_delay_ns)[plain.links.has_toa]
    assert added == pytest.approx(expected, abs=2)
    assert expected.mean() == pytest.approx(2_000 + later.receivers.delay_bias_ns.mean(), rel=0.2)


def test_absolute_times_keep_their_last_nanosecond() -> None:
    drawn = generate(VHF_NETWORK, 50, seed=0)
    times = drawn.links.toa_ns[drawn.links.has_toa]
    assert times.dtype == np.int64
    assert (times > 1_700_000_000 * 10**9).all()
    assert len(np.unique(times % 7)) == 7  # float64 holds multiples of 256 only


def test_the_time_of_a_label_does_not_tell_the_distance() -> None:
    drawn = generate(VHF_NETWORK, 3_000, seed=3)
    links = drawn.links
    apparent = (links.toa_ns - drawn.emissions.time_ns[:, None]).astype(np.float64)
    distance = link_distance_m(drawn)
    found = np.corrcoef(apparent[links.has_toa], distance[links.has_toa])[0, 1]
    assert abs(found) < 0.05


def test_what_is_not_heard_is_not_observed() -> None:
    links = generate(CAMPUS, 500, seed=0).links
    heard = np.isfinite(links.rssi_dbm)
    assert 0.3 < heard.mean() < 0.8
    assert (np.isfinite(links.snr_db) == heard).all()
    assert (links.snr_db[heard] >= CAMPUS.detection_snr_db).all()
    assert not links.has_toa.any()
    assert np.isnan(links.time_sd_ns).all()
    assert (links.toa_ns == 0).all()


def test_gain_offsets_move_power_and_floor_but_not_snr() -> None:
    same = generate(preset_options("campus", {"gain_offset_sd_db": 0.0}), 200, seed=8)
    moved = generate(preset_options("campus", {"gain_offset_sd_db": 10.0}), 200, seed=8)
    np.testing.assert_array_equal(moved.links.snr_db, same.links.snr_db)
    gain = moved.receivers.gain_offset_db
    assert gain.std() > 5
    assert moved.receivers.floor_dbm == pytest.approx(same.receivers.floor_dbm + gain)
    heard = np.isfinite(same.links.rssi_dbm)
    difference = (moved.links.rssi_dbm - same.links.rssi_dbm)[heard]
    assert difference == pytest.approx(np.broadcast_to(gain, heard.shape)[heard])


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_seed_gives_the_same_sessions_and_another_gives_others(preset: str) -> None:
    first, again = (generate(PRESETS[preset], 120, seed=11) for _ in range(2))
    other = generate(PRESETS[preset], 120, seed=12)
    for part in ("receivers", "emissions", "links"):
        for name, values in vars(getattr(first, part)).items():
            np.testing.assert_array_equal(values, getattr(getattr(again, part), name))
    assert not np.array_equal(first.emissions.position_m, other.emissions.position_m)
    assert not np.array_equal(first.links.rssi_dbm, other.links.rssi_dbm, equal_nan=True)


def test_changing_one_option_reshuffles_nothing_else() -> None:
    first = generate(CAMPUS, 150, seed=5)
    louder = generate(preset_options("campus", {"path_loss_exponent": 2.3}), 150, seed=5)
    for name in ("shadowing_db", "fading_db"):
        np.testing.assert_array_equal(getattr(first.links, name), getattr(louder.links, name))
    np.testing.assert_array_equal(first.receivers.position_m, louder.receivers.position_m)
    np.testing.assert_array_equal(first.emissions.position_m, louder.emissions.position_m)


def test_emissions_that_nobody_hears_become_no_sessions() -> None:
    options = preset_options("vhf-network", {"transmit_power_dbm": 20.0, "minimum_heard": 2})
    drawn = generate(options, 150, seed=1)
    assert drawn.unheard > 0
    assert len(drawn.emissions.time_ns) == 150
    assert (np.isfinite(drawn.links.rssi_dbm).sum(axis=1) >= 2).all()
    assert (np.diff(drawn.emissions.time_ns) > 0).all()


def test_a_network_that_hears_nothing_is_refused_with_advice() -> None:
    with pytest.raises(UsageError, match="transmit_power_dbm"):
        generate(preset_options("vhf-network", {"transmit_power_dbm": -50.0}), 30, seed=1)


def test_receivers_that_do_not_fit_are_refused() -> None:
    options = preset_options("campus", {"receiver_spacing_m": 2_500.0})
    with pytest.raises(UsageError, match="receiver_spacing_m"):
        generate(options, 10, seed=1)


@pytest.mark.parametrize(
    ("preset", "changes", "words"),
    [
        ("moon", {}, "campus, vhf-network"),
        ("campus", {"shadowing_sd": 3}, r"shadowing_sd: .*did you mean shadowing_sd_db"),
        ("campus", {"shadowing_sd_db": -1}, "shadowing_sd_db"),
        ("campus", {"frequency_hz": float("nan")}, "frequency_hz"),
        ("campus", {"fastest_m_s": 0.5}, "slowest_m_s"),
    ],
)
def test_impossible_options_are_refused_by_name(
    preset: str, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        preset_options(preset, changes)


def test_tracks_move_at_their_speed_inside_the_area_four_seconds_apart() -> None:
    drawn = generate(CAMPUS, 400, seed=9)
    emissions = drawn.emissions
    assert set(emissions.track) == set(range(8))
    assert (np.abs(emissions.position_m) <= [1_500.0, 1_250.0]).all()
    for track in range(8):
        rows = emissions.track == track
        assert (np.diff(emissions.time_ns[rows]) == 4 * 10**9).all()
        step_m = np.linalg.norm(np.diff(emissions.position_m[rows], axis=0), axis=1)
        assert step_m.max() <= 4 * CAMPUS.fastest_m_s + 1e-6
        assert np.median(step_m) >= 4 * CAMPUS.slowest_m_s - 1e-6


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    sessions=st.integers(1, 40),
    movement=st.sampled_from(["uniform", "tracks"]),
    sync_class=st.sampled_from(["gpsdo", "gps", "reference_tx", "ntp", "none"]),
    receiver_count=st.integers(1, 12),
    exponent=st.floats(1.5, 4),
    sigma=st.floats(0, 12),
    latitude=st.floats(-80, 80),
    longitude=st.floats(-180, 180),
)
def test_any_options_give_consistent_sessions(
    seed: int,
    sessions: int,
    movement: str,
    sync_class: str,
    receiver_count: int,
    exponent: float,
    sigma: float,
    latitude: float,
    longitude: float,
) -> None:
    options = preset_options(
        "campus",
        {
            "movement": movement,
            "sync_class": sync_class,
            "receiver_count": receiver_count,
            "path_loss_exponent": exponent,
            "shadowing_sd_db": sigma,
            "latitude_deg": latitude,
            "longitude_deg": longitude,
            "transmit_power_dbm": 80.0,
        },
    )
    drawn = generate(options, sessions, seed)
    links = drawn.links
    assert links.rssi_dbm.shape == (sessions, receiver_count)
    heard = np.isfinite(links.rssi_dbm)
    assert heard.any(axis=1).all()
    assert (links.has_toa <= heard).all()
    assert (links.has_toa == np.isfinite(links.time_sd_ns)).all()
    assert links.has_toa.any() == (sync_class != "none")
    assert np.isfinite(links.path_loss_db).all()
    assert np.isfinite(drawn.receivers.latitude_deg).all()
    assert (np.abs(drawn.emissions.position_m) <= [1_500.0, 1_250.0]).all()
