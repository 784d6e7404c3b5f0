"""Path loss and noise against figures known from elsewhere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_core.radio.path_loss import (
    free_space_loss_db,
    log_distance_loss_db,
    noise_power_dbm,
)


def test_free_space_loss_is_the_textbook_formula() -> None:
    # 32.45 + 20 log10(km) + 20 log10(MHz)
    loss = free_space_loss_db(np.array([1_000.0, 10_000.0]), 100e6)
    assert loss == pytest.approx([72.45, 92.45], abs=0.01)


def test_noise_in_a_voice_channel_is_minus_133_dbm_before_the_receiver_adds_its_own() -> None:
    assert noise_power_dbm(12_500.0, 0.0, 0.0) == pytest.approx(-133.0, abs=0.05)
    assert noise_power_dbm(12_500.0, 7.0, 10.0) == pytest.approx(-116.0, abs=0.05)


@given(
    exponent=st.floats(1, 8),
    frequency_hz=st.floats(1e6, 6e9),
    reference_m=st.floats(0.1, 1_000),
    distance_m=st.floats(0, 1e6),
)
def test_a_decade_of_distance_costs_ten_n_db_beyond_the_reference(
    exponent: float, frequency_hz: float, reference_m: float, distance_m: float
) -> None:
    distance = np.array([reference_m, reference_m * 10, distance_m, distance_m * 1.5])
    loss = log_distance_loss_db(distance, frequency_hz, exponent, reference_m)
    assert loss[0] == pytest.approx(free_space_loss_db(distance[:1], frequency_hz)[0])
    assert loss[1] - loss[0] == pytest.approx(10 * exponent)
    assert loss[3] >= loss[2] >= loss[0]
