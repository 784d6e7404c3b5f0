"""The level that a receiver reports when it hears nothing, estimated without any label."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from training_core.data.tables import time_ns

if TYPE_CHECKING:
    from training_core.data.store import SessionStore

FLOOR_PERCENTILE = 5.0
MIN_READINGS_OF_A_FLOOR = 20
_TAIL_PERCENTILE = 30.0
_NOISE_SPREAD_DB = 2.5
_DAY_NS = 86_400_000_000_000


def noise_floor(level_dbm: NDArray[np.floating], day: NDArray[np.int64]) -> float:
    """Return the floor of one receiver: that of its noisiest day.

    Gains are changed between recordings, and the floor with them. Counted from the lowest
    floor, pure noise of another day would pass for a signal and tell which day it is. A day
    counts where its weakest readings lie close together, as noise does and signals do not;
    where no day does, all readings are taken together.

    Args:
        level_dbm: (readings,), at least one.
        day: (readings,) number of each reading's day.
    """
    floors = []
    for one in np.unique(day):
        readings = level_dbm[day == one]
        if len(readings) < MIN_READINGS_OF_A_FLOOR:
            continue
        low, above = np.percentile(readings, [FLOOR_PERCENTILE, _TAIL_PERCENTILE])
        if above - low < _NOISE_SPREAD_DB:
            floors.append(float(low))
    return max(floors, default=float(np.percentile(level_dbm, FLOOR_PERCENTILE)))


def days_of(store: "SessionStore", rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the UTC day of each session at `rows`; sessions without a time share one."""
    return np.asarray(time_ns(store.sessions)[rows] // _DAY_NS, dtype=np.int64)
