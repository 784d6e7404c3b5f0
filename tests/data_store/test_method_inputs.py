"""What the methods without a network are given, against what was drawn."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from training_core.contract.jobs import SynthArguments
from training_core.data.method_inputs import fixed_receivers, method_inputs
from training_core.data.store import SessionStore, open_store, write_store
from training_core.data.synth import synth
from training_core.radio.generator import generate
from training_core.radio.geocentric import geocentric
from training_core.radio.path_loss import SPEED_OF_LIGHT_M_S
from training_core.radio.presets import preset_options
from training_core.radio.tdoa import arrival_residuals_m

TRAIN, TEST = np.arange(100), np.arange(100, 150)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SessionStore:
    folder = tmp_path_factory.mktemp("inputs") / "vhf"
    synth(SynthArguments(target=folder, sessions=150, seed=1, preset="vhf-network"))
    return open_store(folder)


def test_powers_and_times_are_those_that_were_drawn(store: SessionStore) -> None:
    drawn = generate(preset_options("vhf-network", {}), 150, seed=1)
    inputs = method_inputs(store, store.frame, TRAIN, TEST)
    assert inputs.power is not None
    order = [store.receiver_ids.index(name) for name in drawn.receivers.receiver_id]
    np.testing.assert_allclose(inputs.power.rssi_dbm[:, order], drawn.links.rssi_dbm, atol=1e-3)
    east, north = store.frame.to_local(drawn.receivers.latitude_deg, drawn.receivers.longitude_deg)
    np.testing.assert_allclose(inputs.power.receiver_m[order], np.stack([east, north], 1), atol=1)
    np.testing.assert_array_equal(inputs.target_m, store.label_m())

    time = inputs.time
    assert time is not None
    assert time.has_stated
    assert time.knows_altitude
    # What arrives late at the true place is noise of the size that is stated.
    residual = arrival_residuals_m(time.sessions, inputs.latitude_deg, inputs.longitude_deg)
    assert 0.3 < np.nanmedian(np.abs(residual / time.sessions.sigma_m)) < 3.0
    stated = drawn.links.time_sd_ns * 1e-9 * SPEED_OF_LIGHT_M_S
    heard = time.sessions.is_heard
    assert heard.sum() == drawn.links.has_toa.sum()
    assert np.nanmax(time.sessions.sigma_m[heard]) == pytest.approx(np.nanmax(stated), rel=1e-3)
    sites = geocentric(
        drawn.receivers.latitude_deg, drawn.receivers.longitude_deg, drawn.receivers.altitude_m
    )
    first = order.index(time.receiver[0, 0])
    np.testing.assert_allclose(time.sessions.receiver_m[0, 0], sites[first], atol=1e-3)


def test_without_powers_or_times_there_is_none(tmp_path: Path, store: SessionStore) -> None:
    bare = store.observations.drop_columns(["rssi_dbm", "toa_ns"])
    silent = write_store(tmp_path / "s", store.info, store.receivers, store.sessions, bare)
    inputs = method_inputs(silent, silent.frame, TRAIN, TEST)
    assert inputs.power is None
    assert inputs.time is None


def test_an_unknown_altitude_is_the_median_of_trainings(
    tmp_path: Path, store: SessionStore
) -> None:
    altitude = np.arange(150.0)
    altitude[TEST] = np.nan
    column = store.sessions.column_names.index("altitude_m")
    values = pa.array(altitude, from_pandas=True)
    sessions = store.sessions.set_column(column, "altitude_m", values)
    some = write_store(tmp_path / "a", store.info, store.receivers, sessions, store.observations)
    time = method_inputs(some, some.frame, TRAIN, TEST).time
    assert time is not None
    np.testing.assert_allclose(time.sessions.altitude_m[TEST], 49.5)
    np.testing.assert_allclose(time.sessions.altitude_m[TRAIN], np.arange(100.0))


def test_a_receiver_that_moves_gives_no_fingerprint(tmp_path: Path, store: SessionStore) -> None:
    mobile = np.zeros(len(store.receiver_ids), dtype=bool)
    mobile[2] = True
    column = store.receivers.column_names.index("mobile")
    receivers = store.receivers.set_column(column, "mobile", pa.array(mobile))
    some = write_store(tmp_path / "m", store.info, receivers, store.sessions, store.observations)
    inputs = method_inputs(some, some.frame, TRAIN, TEST)
    assert inputs.power is not None
    assert store.receiver_ids[2] not in fixed_receivers(some)
    assert inputs.power.rssi_dbm.shape == (150, len(store.receiver_ids) - 1)
