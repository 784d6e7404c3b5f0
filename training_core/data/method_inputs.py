"""From a session store to what the methods without a network are given."""

import numpy as np
from numpy.typing import NDArray

from training_core.data.features import SPEED_OF_LIGHT_M_PER_S, TIME_SD, observation_arrays
from training_core.data.store import SessionStore
from training_core.data.tables import float_column
from training_core.radio.geo import LocalFrame
from training_core.radio.geocentric import geocentric
from training_core.radio.method_inputs import MethodInputs, PowerInputs, TimeInputs
from training_core.radio.tdoa import LEAST_RECEIVERS, TimedSessions
from training_core.radio.time_method import with_altitude

IndexArray = NDArray[np.int64]


def method_inputs(
    store: SessionStore, frame: LocalFrame, train: IndexArray, test: IndexArray
) -> MethodInputs:
    """Arrange a dataset for `training_core.radio.methods`.

    Args:
        store: the dataset.
        frame: of positions in meters.
        train: sessions that teach.
        test: sessions to locate.
    """
    return MethodInputs(
        target_m=store.label_m(frame),
        latitude_deg=float_column(store.sessions, "latitude_deg"),
        longitude_deg=float_column(store.sessions, "longitude_deg"),
        train=train,
        test=test,
        power=_power_inputs(store, frame, train),
        time=_time_inputs(store, frame, train),
        frame=frame,
    )


def fixed_receivers(store: SessionStore) -> list[str]:
    """Ids of the receivers that stand still: one that moves gives no fingerprint of a place."""
    return [name for name, mobile in zip(store.receiver_ids, _is_mobile(store), strict=True)
            if not mobile]  # fmt: skip


def _is_mobile(store: SessionStore) -> NDArray[np.bool_]:
    mobile: NDArray[np.bool_] = (
        store.receivers["mobile"].to_numpy(zero_copy_only=False).astype(np.bool_)
    )
    return mobile


def _power_inputs(store: SessionStore, frame: LocalFrame, train: IndexArray) -> PowerInputs | None:
    """None where training heard no power at a fixed receiver."""
    fixed = fixed_receivers(store)
    arrays = observation_arrays(store, frame, fixed, ("rssi_dbm",))
    rssi = np.full((len(arrays), len(fixed)), np.nan)
    session, slot = np.nonzero(arrays.receiver >= 0)
    rssi[session, arrays.receiver[session, slot]] = arrays.observation[session, slot, 0]
    if not np.isfinite(rssi[train]).any():
        return None
    stands = ~_is_mobile(store)
    east, north = frame.to_local(
        float_column(store.receivers, "latitude_deg")[stands],
        float_column(store.receivers, "longitude_deg")[stands],
    )
    return PowerInputs(rssi, np.stack([east, north], axis=1))


def _time_inputs(store: SessionStore, frame: LocalFrame, train: IndexArray) -> TimeInputs | None:
    """None where no training session was timed by three receivers of known position."""
    arrays = observation_arrays(store, frame, store.receiver_ids, ("toa_m", TIME_SD))
    latitude, longitude, altitude = (
        float_column(store.receivers, name)
        for name in ("latitude_deg", "longitude_deg", "altitude_m")
    )
    known = np.isfinite(altitude)
    sites = geocentric(latitude, longitude, np.where(known, altitude, 0.0))
    receiver = np.where((arrays.receiver >= 0)[..., None], sites[arrays.receiver], np.nan)
    stated = arrays.observation[..., 1].astype(np.float64) * 1e-9 * SPEED_OF_LIGHT_M_PER_S
    arrival = arrays.observation[..., 0].astype(np.float64)
    has_stated = bool(np.isfinite(stated[np.isfinite(arrival)]).all())
    emitter_altitude = float_column(store.sessions, "altitude_m")
    sessions = TimedSessions(
        receiver, arrival, np.where(np.isfinite(stated), stated, 1.0), emitter_altitude
    )
    if not (sessions.is_heard[train].sum(axis=1) >= LEAST_RECEIVERS).any():
        return None
    knows_altitude = bool(np.isfinite(emitter_altitude).any())
    time = TimeInputs(
        sessions, arrays.receiver, len(store.receiver_ids), has_stated, knows_altitude
    )
    return with_altitude(time, emitter_altitude, train)
