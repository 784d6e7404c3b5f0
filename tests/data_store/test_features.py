"""Observation arrays hold what the store says, slot by slot, and NaN for the rest."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_core.contract.errors import DatasetError
from training_core.data.features import SPEED_OF_LIGHT_M_PER_S, observation_arrays
from training_core.data.store import DatasetInfo, SessionStore, SiteOrigin
from training_core.data.tables import (
    OBSERVATION_SCHEMA,
    RECEIVER_SCHEMA,
    SESSION_SCHEMA,
    build_table,
)
from training_core.radio.geo import LocalFrame

FRAME = LocalFrame(40.767, -111.836)
# An absolute time at which float64 counts in steps of 256 ns.
EPOCH_NS = 1_650_000_000_000_000_000


def make_store(observations: dict[str, list[Any]]) -> SessionStore:
    """Three sessions (the last unlabeled), a fixed, a mobile and an unplaced receiver."""
    return SessionStore(
        path=Path("unused"),
        info=DatasetInfo(
            name="test", site_origin=SiteOrigin(latitude_deg=40.767, longitude_deg=-111.836)
        ),
        receivers=build_table(
            RECEIVER_SCHEMA,
            {
                "receiver_id": ["fixed", "bus", "unplaced"],
                "latitude_deg": [40.767, None, None],
                "longitude_deg": [-111.830, None, None],
                "mobile": [False, True, False],
            },
        ),
        sessions=build_table(
            SESSION_SCHEMA,
            {
                "session_id": ["s1", "s2", "s3"],
                "latitude_deg": [40.767, 40.768, None],
                "longitude_deg": [-111.836, -111.836, None],
            },
        ),
        observations=build_table(OBSERVATION_SCHEMA, observations),
    )


OBSERVATIONS: dict[str, list[Any]] = {
    "session_id": ["s2", "s1", "s2", "s1", "s2", "s1", "gone"],
    "receiver_id": ["bus", "fixed", "fixed", "unplaced", "unplaced", "fixed", "fixed"],
    "latitude_deg": [40.770, None, None, None, None, None, None],
    "longitude_deg": [-111.836, None, None, None, None, None, None],
    "rssi_dbm": [-70.0, -80.0, -81.0, -90.0, None, -10.0, -1.0],
    "toa_ns": [EPOCH_NS + 1001, EPOCH_NS + 3, EPOCH_NS + 1, None, EPOCH_NS + 2, None, None],
}


def test_rows_are_arranged_by_session() -> None:
    arrays = observation_arrays(
        make_store(OBSERVATIONS), FRAME, ["fixed", "bus", "unplaced"], ["rssi_dbm"]
    )
    assert arrays.session_id.tolist() == ["s1", "s2", "s3"]
    assert arrays.receiver.tolist() == [[0, 2, -1], [1, 0, 2], [-1, -1, -1]]
    np.testing.assert_array_equal(
        arrays.observation[:, :, 0],
        np.array([[-80, -90, np.nan], [-70, -81, np.nan], [np.nan] * 3], np.float32),
    )
    assert len(arrays) == 3
    assert (
        arrays.observation.dtype == arrays.position_m.dtype == arrays.target_m.dtype == np.float32
    )
    assert arrays.receiver.dtype == np.int64


def test_positions_are_local_and_mobile_ones_as_observed() -> None:
    arrays = observation_arrays(
        make_store(OBSERVATIONS), FRAME, ["fixed", "bus", "unplaced"], ["rssi_dbm"]
    )
    # A hundredth of a degree here is 844 m of longitude and 1,111 m of latitude.
    np.testing.assert_allclose(arrays.position_m[0, 0], [506.3, 0.0], atol=0.5)
    np.testing.assert_allclose(arrays.position_m[1, 0], [0.0, 333.1], atol=0.5)
    assert np.isnan(arrays.position_m[0, 1]).all()
    assert np.isnan(arrays.position_m[0, 2]).all()
    np.testing.assert_allclose(arrays.target_m[0], [0.0, 0.0], atol=1e-3)
    np.testing.assert_allclose(arrays.target_m[1], [0.0, 111.0], atol=0.5)
    assert np.isnan(arrays.target_m[2]).all()


def test_times_of_arrival_keep_their_nanoseconds() -> None:
    arrays = observation_arrays(
        make_store(OBSERVATIONS), FRAME, ["fixed", "bus", "unplaced"], ["rssi_dbm", "toa_m"]
    )
    nanosecond_m = SPEED_OF_LIGHT_M_PER_S * 1e-9
    np.testing.assert_allclose(
        arrays.observation[1, :, 1], np.array([1000, 0, 1]) * nanosecond_m, rtol=1e-6
    )
    assert arrays.observation[0, 0, 1] == 0.0
    assert np.isnan(arrays.observation[0, 1, 1])


def test_unknown_receivers_keep_place_and_values_under_minus_one() -> None:
    arrays = observation_arrays(make_store(OBSERVATIONS), FRAME, ["bus"], ["rssi_dbm"])
    assert arrays.receiver.tolist() == [[-1, -1, -1], [0, -1, -1], [-1, -1, -1]]
    assert arrays.observation[0, 0, 0] == -80.0
    assert not np.isnan(arrays.position_m[0, 0]).any()


def test_a_store_without_observations_has_one_empty_slot() -> None:
    empty: dict[str, list[object]] = {name: [] for name in OBSERVATIONS}
    arrays = observation_arrays(make_store(empty), FRAME, ["fixed"], ["rssi_dbm", "toa_m"])
    assert arrays.observation.shape == (3, 1, 2)
    assert np.isnan(arrays.observation).all()
    assert (arrays.receiver == -1).all()


def test_taking_rows_and_silencing_them() -> None:
    arrays = observation_arrays(make_store(OBSERVATIONS), FRAME, ["fixed"], ["rssi_dbm"])
    taken = arrays.take(np.array([1, 0]))
    assert taken.session_id.tolist() == ["s2", "s1"]
    assert taken.observation[1, 0, 0] == -80.0
    silent = arrays.without_signal()
    assert np.isnan(silent.observation).all()
    np.testing.assert_array_equal(silent.position_m, arrays.position_m)
    assert list(arrays.inputs()) == ["receiver", "position_m", "observation"]


@pytest.mark.parametrize("channels", [["rssi"], []])
def test_a_channel_that_does_not_exist_is_named(channels: list[str]) -> None:
    with pytest.raises(DatasetError, match=r"no observation channel (rssi|\(none given\))"):
        observation_arrays(make_store(OBSERVATIONS), FRAME, ["fixed"], channels)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_every_observation_is_found_again(data: st.DataObject) -> None:
    pairs = data.draw(
        st.lists(
            st.tuples(st.sampled_from(["s1", "s2", "s3"]), st.sampled_from(["fixed", "bus"])),
            unique=True,
            max_size=6,
        )
    )
    levels = [-50.0 - index for index in range(len(pairs))]
    table = {
        "session_id": [session for session, _ in pairs],
        "receiver_id": [receiver for _, receiver in pairs],
        "rssi_dbm": levels,
    }
    store = make_store(
        {
            name: pa.array(values, pa.string() if name != "rssi_dbm" else pa.float64())
            for name, values in table.items()
        }
    )
    arrays = observation_arrays(store, FRAME, ["fixed", "bus"], ["rssi_dbm"])
    sessions, slots = np.nonzero(arrays.receiver >= 0)
    found = {
        (arrays.session_id[row], ["fixed", "bus"][arrays.receiver[row, slot]]): float(
            arrays.observation[row, slot, 0]
        )
        for row, slot in zip(sessions, slots, strict=True)
    }
    assert found == dict(zip(pairs, levels, strict=True))
