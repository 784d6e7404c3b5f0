"""Clock classes and the bound on times of arrival."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_core.radio.clocks import (
    CLOCK_QUALITY,
    SYNC_CLASSES,
    SyncClass,
    draw_clock_sd_ns,
    toa_bound_ns,
)
from training_core.radio.path_loss import SPEED_OF_LIGHT_M_S


@pytest.mark.parametrize("sync_class", SYNC_CLASSES)
def test_clocks_are_drawn_within_the_range_of_their_class(sync_class: SyncClass) -> None:
    sd_ns = draw_clock_sd_ns(sync_class, 1_000, np.random.default_rng(1))
    if sync_class == "none":
        assert np.isnan(sd_ns).all()
        return
    quality = CLOCK_QUALITY[sync_class]
    assert quality.lowest_ns <= sd_ns.min()
    assert sd_ns.max() <= quality.highest_ns
    middle = np.sqrt(quality.lowest_ns * quality.highest_ns)
    assert np.median(sd_ns) == pytest.approx(middle, rel=0.15)


@pytest.mark.parametrize(
    ("bandwidth_hz", "duration_s", "snr_db", "range_difference_m"),
    [(8e3, 1.0, 20.0, 23.0), (12.5e3, 1.0, 20.0, 12.0), (8e3, 1.0, 10.0, 75.0)],
)
def test_two_bounds_add_up_to_the_bound_on_a_time_difference(
    bandwidth_hz: float, duration_s: float, snr_db: float, range_difference_m: float
) -> None:
    # The expected figures come from the full time-difference bound, flat spectrum, two equal SNRs.
    sd_ns = toa_bound_ns(
        np.array([snr_db]),
        noise_bandwidth_hz=bandwidth_hz,
        rms_bandwidth_hz=bandwidth_hz / np.sqrt(12.0),
        duration_s=duration_s,
    )[0]
    assert np.sqrt(2.0) * sd_ns * 1e-9 * SPEED_OF_LIGHT_M_S == pytest.approx(
        range_difference_m, rel=0.06
    )


@given(
    snr_db=st.floats(-60, 60),
    noise_bandwidth_hz=st.floats(100, 1e7),
    duration_s=st.floats(1e-3, 100),
)
def test_ten_db_more_time_three_times_better_and_nothing_below_the_threshold(
    snr_db: float, noise_bandwidth_hz: float, duration_s: float
) -> None:
    sd_ns = toa_bound_ns(
        np.array([snr_db, snr_db + 10.0, np.nan]),
        noise_bandwidth_hz=noise_bandwidth_hz,
        rms_bandwidth_hz=1_650.0,
        duration_s=duration_s,
    )
    integrated_db = snr_db + 10 * np.log10(noise_bandwidth_hz * duration_s)
    if integrated_db > 10.01:
        assert sd_ns[0] / sd_ns[1] == pytest.approx(np.sqrt(10.0))
    elif integrated_db < 9.99:
        assert np.isnan(sd_ns[0])
    assert np.isnan(sd_ns[2])
