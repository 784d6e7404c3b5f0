"""What the methods without a network are given of a dataset."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training_core.radio.geo import LocalFrame
from training_core.radio.tdoa import TimedSessions

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.int64]


@dataclass(frozen=True)
class PowerInputs:
    """Received powers at receivers that stand still."""

    rssi_dbm: Float64Array
    """(rows, receivers) of all sessions in the order of recording, NaN where there is none."""
    receiver_m: Float64Array
    """(receivers, 2) east, north; NaN where unknown."""

    def without(self, dropped: NDArray[np.bool_]) -> "PowerInputs":
        """The same without some receivers."""
        return PowerInputs(self.rssi_dbm[:, ~dropped], self.receiver_m[~dropped])


@dataclass(frozen=True)
class TimeInputs:
    """Times of arrival."""

    sessions: TimedSessions
    receiver: IndexArray
    """(rows, slots) index of the receiver, -1 for none."""
    receivers: int
    """How many there are."""
    has_stated: bool
    """Whether standard deviations are stated for the arrivals."""
    knows_altitude: bool
    """Whether the emitters' altitudes are given."""

    def rows(self, rows: IndexArray) -> TimedSessions:
        """Some of the sessions."""
        return TimedSessions(*(values[rows] for values in vars(self.sessions).values()))


@dataclass(frozen=True)
class MethodInputs:
    """A dataset and which of its sessions teach."""

    target_m: Float64Array
    """(rows, 2) east, north of all sessions; those of `test` are for bounds only."""
    latitude_deg: Float64Array
    """(rows,)."""
    longitude_deg: Float64Array
    """(rows,)."""
    train: IndexArray
    test: IndexArray
    power: PowerInputs | None
    time: TimeInputs | None
    frame: LocalFrame
    """Of `target_m`."""
