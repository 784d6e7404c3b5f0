"""From a session store to padded arrays of observations, without a loop over rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from training_core.contract.errors import DatasetError
from training_core.data.store import SessionStore
from training_core.data.tables import float_column, index_of, text_column
from training_core.radio.geo import LocalFrame

CHANNELS = ("rssi_dbm", "snr_db", "toa_m", "cfo_hz")
SPEED_OF_LIGHT_M_PER_S = 299_792_458.0
TIME_SD = "time_sd_ns"
"""Arranged like a channel for solvers, which need it in full; networks are not given it."""


@dataclass(frozen=True)
class ObservationArrays:
    """Sessions side by side, each padded to the same number of receiver slots."""

    session_id: NDArray[np.str_]
    """(sessions,)."""
    receiver: NDArray[np.int64]
    """(sessions, slots): index into the receiver ids, -1 for padding and unknown receivers."""
    position_m: NDArray[np.float32]
    """(sessions, slots, 2): east and north of the receiver, NaN where unknown."""
    observation: NDArray[np.float32]
    """(sessions, slots, channels): NaN where not observed."""
    target_m: NDArray[np.float32]
    """(sessions, 2): east and north of the emitter, NaN where unlabeled."""
    channels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.session_id)

    def take(self, rows: NDArray[np.int64]) -> "ObservationArrays":
        """Return the given sessions, in that order."""
        return replace(
            self,
            session_id=self.session_id[rows],
            receiver=self.receiver[rows],
            position_m=self.position_m[rows],
            observation=self.observation[rows],
            target_m=self.target_m[rows],
        )

    def without_signal(self) -> "ObservationArrays":
        """Return the same sessions with nothing heard: the control that no model may beat."""
        return replace(self, observation=np.full_like(self.observation, np.nan))

    def inputs(self) -> dict[str, NDArray[np.generic]]:
        """Return the network's inputs by name, in the order of its arguments."""
        return {
            "receiver": self.receiver,
            "position_m": self.position_m,
            "observation": self.observation,
        }


def observation_arrays(
    store: SessionStore,
    frame: LocalFrame,
    receiver_ids: Sequence[str],
    channels: Sequence[str],
) -> ObservationArrays:
    """Arrange every observation of the store by session and slot.

    A receiver that is not among `receiver_ids` keeps its place and values under index -1. Of
    two observations by one receiver in one session the first counts. Observations of sessions
    that the store does not list are left out.

    Args:
        store: The dataset.
        frame: Local frame of the network, which need not be the dataset's.
        receiver_ids: What the receiver index counts.
        channels: Which of `CHANNELS` (or `TIME_SD`) to take, in this order. `toa_m` is the time of arrival
            after the session's earliest, in meters of light travel.

    Raises:
        DatasetError: A channel does not exist.
    """
    unknown = [name for name in channels if name not in (*CHANNELS, TIME_SD)]
    if unknown or not channels:
        raise DatasetError(
            f"There is no observation channel {', '.join(unknown) or '(none given)'}",
            unharmed="Nothing was changed",
            action=f"Choose from {', '.join(CHANNELS)} in data.channels",
        )
    session_ids = text_column(store.sessions, "session_id").astype(np.str_)
    session = index_of(store.observations["session_id"], store.sessions["session_id"])
    station = index_of(store.observations["receiver_id"], store.receivers["receiver_id"])
    rows = _first_of_each(session, station)
    session, station = session[rows], station[rows]
    slot, slots = _slots(session, len(session_ids))

    east, north = frame.to_local(*_receiver_coordinates(store, rows, station))
    receiver = np.full((len(session_ids), slots), -1, dtype=np.int64)
    position = np.full((len(session_ids), slots, 2), np.nan, dtype=np.float32)
    observation = np.full((len(session_ids), slots, len(channels)), np.nan, dtype=np.float32)
    receiver[session, slot] = _known_index(store, station, receiver_ids)
    position[session, slot, 0] = east
    position[session, slot, 1] = north
    for column, name in enumerate(channels):
        observation[session, slot, column] = _channel(store, name, rows, session)
    return ObservationArrays(
        session_id=session_ids,
        receiver=receiver,
        position_m=position,
        observation=observation,
        target_m=store.label_m(frame).astype(np.float32),
        channels=tuple(channels),
    )


def _first_of_each(session: NDArray[np.int64], station: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows to keep, ordered by session and, inside it, as the table has them."""
    rows = np.flatnonzero((session >= 0) & (station >= 0))
    stations = int(station.max(initial=0)) + 1
    _, first = np.unique(session[rows] * stations + station[rows], return_index=True)
    kept = rows[np.sort(first)]
    return np.asarray(kept[np.argsort(session[kept], kind="stable")], dtype=np.int64)


def _slots(session: NDArray[np.int64], sessions: int) -> tuple[NDArray[np.int64], int]:
    """Slot of every row (its rank inside its session) and the number of slots."""
    counts = np.bincount(session, minlength=sessions)
    starts = np.cumsum(counts) - counts
    slot = np.arange(len(session)) - starts[session]
    # A row of networks' inputs without any slot cannot be traced or attended to.
    return slot, max(int(counts.max(initial=0)), 1)


def _receiver_coordinates(
    store: SessionStore, rows: NDArray[np.int64], station: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where a receiver was: as observed where it moves, else where it stands."""
    latitude = float_column(store.observations, "latitude_deg")[rows]
    longitude = float_column(store.observations, "longitude_deg")[rows]
    is_moving = ~(np.isnan(latitude) | np.isnan(longitude))
    fixed_latitude = float_column(store.receivers, "latitude_deg")[station]
    fixed_longitude = float_column(store.receivers, "longitude_deg")[station]
    return (
        np.where(is_moving, latitude, fixed_latitude),
        np.where(is_moving, longitude, fixed_longitude),
    )


def _known_index(
    store: SessionStore, station: NDArray[np.int64], receiver_ids: Sequence[str]
) -> NDArray[np.int64]:
    known = {receiver_id: index for index, receiver_id in enumerate(receiver_ids)}
    of_station = np.array([known.get(name, -1) for name in store.receiver_ids], dtype=np.int64)
    return of_station[station]


def _channel(
    store: SessionStore, name: str, rows: NDArray[np.int64], session: NDArray[np.int64]
) -> NDArray[np.float64]:
    if name != "toa_m":
        return float_column(store.observations, name)[rows]
    column = store.observations["toa_ns"]
    is_timed = ~column.is_null().to_numpy(zero_copy_only=False)[rows]
    # Absolute nanoseconds do not fit float64: subtract as integers, convert the difference.
    times = column.fill_null(0).to_numpy(zero_copy_only=False)[rows].astype(np.int64)
    earliest = np.full(int(session.max(initial=0)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(earliest, session[is_timed], times[is_timed])
    after_ns = np.full(len(rows), np.nan)
    after_ns[is_timed] = times[is_timed] - earliest[session[is_timed]]
    return after_ns * 1e-9 * SPEED_OF_LIGHT_M_PER_S
