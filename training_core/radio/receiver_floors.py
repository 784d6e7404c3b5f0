"""What a receiver reports when it hears nothing, and receivers for which that changed.

A receiver that runs either reports its noise when it hears nothing, or reports nothing at all. In
the first case a missing reading means that it was off, which says nothing about the emitter; in
the second it means silence, which does.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

DETECTION_MARGIN_DB: Final = 4.0
"""How far above its floor a reading has to be to count as heard."""
MIN_READINGS: Final = 20
"""Fewer readings tell no floor, and no map."""
MOVED_DB: Final = 2.5
"""A floor that moved farther than the others did has another gain than in training."""
_FLOOR_QUANTILE: Final = 0.01
_MOST_SWITCHING: Final = 0.05
_NEVER_MISSING: Final = 0.01

Float64Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class ReceiverFloors:
    """What was learned of every receiver's silence, arrays of (receivers,)."""

    floor_dbm: Float64Array
    """Of the weakest readings; NaN where training holds too few to tell."""
    reports_noise: BoolArray
    """Whether a missing reading means that the receiver was off; else it means silence."""

    @property
    def audible_dbm(self) -> Float64Array:
        """From here on a reading counts as heard, (receivers,), NaN where there is no floor."""
        return self.floor_dbm + np.where(self.reports_noise, DETECTION_MARGIN_DB, 0.0)

    def with_silence(self, rssi_dbm: Float64Array) -> Float64Array:
        """The readings (rows, receivers), silence put at the floor; NaN only where off."""
        is_silent = np.isnan(rssi_dbm) & ~self.reports_noise & np.isfinite(self.floor_dbm)
        filled: Float64Array = np.where(is_silent, self.floor_dbm, rssi_dbm)
        return filled

    def heard(self, rssi_dbm: Float64Array) -> Float64Array:
        """The readings (rows, receivers) that count as heard, NaN for all others."""
        audible: Float64Array = np.where(rssi_dbm > self.audible_dbm, rssi_dbm, np.nan)
        audible_or_weakest: Float64Array = np.where(self.reports_noise, audible, rssi_dbm)
        return audible_or_weakest


def receiver_floors(rssi_dbm: Float64Array) -> ReceiverFloors:
    """Learn the floors from training.

    Silence and "off" are told apart by time: a receiver is off for long stretches of sessions,
    while silence comes and goes with fading. One answer holds for all receivers of a dataset; a
    receiver that hardly ever misses a session has never been silent.

    Args:
        rssi_dbm: (rows, receivers) in the order of recording, NaN where there is no reading.
    """
    is_missing = np.isnan(rssi_dbm)
    share = is_missing.mean(axis=0)
    switches = np.count_nonzero(is_missing[1:] != is_missing[:-1], axis=0).sum()
    # As many as independent sessions would have.
    expected = float((2.0 * share * (1.0 - share)).sum()) * max(len(rssi_dbm) - 1, 1)
    goes_off = switches < _MOST_SWITCHING * expected
    return ReceiverFloors(_low_readings(rssi_dbm), (share < _NEVER_MISSING) | goes_off)


def moved_receivers(
    floors: ReceiverFloors, rssi_dbm: Float64Array, moved_db: float = MOVED_DB
) -> BoolArray:
    """Which receivers report another floor now than in training, (receivers,); no label is needed.

    What all receivers share, a noisier day or weaker emitters, is taken out as the median of their
    shifts. Only receivers that report their noise can be told, and only from `MIN_READINGS` on.

    Args:
        floors: of training.
        rssi_dbm: (rows, receivers) of now, NaN where there is no reading.
        moved_db: how much more than the others.
    """
    shift = _low_readings(rssi_dbm) - floors.floor_dbm
    is_known = np.isfinite(shift) & floors.reports_noise
    if is_known.sum() < 3:
        return np.zeros(len(shift), dtype=np.bool_)
    common = float(np.median(shift[is_known]))
    with np.errstate(invalid="ignore"):
        moved: BoolArray = is_known & (np.abs(shift - common) > moved_db)
    return moved


def _low_readings(rssi_dbm: Float64Array) -> Float64Array:
    low = np.full(rssi_dbm.shape[1], np.nan)
    for number, readings in enumerate(rssi_dbm.T):
        known = readings[np.isfinite(readings)]
        if len(known) >= MIN_READINGS:
            low[number] = np.quantile(known, _FLOOR_QUANTILE)
    return low
