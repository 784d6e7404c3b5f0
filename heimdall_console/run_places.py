"""Where the points of a run lie on an x axis: by step, epoch, elapsed time or the clock."""

from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from heimdall_console.point_columns import Floats, Whole

XUnit = Literal["step", "epoch", "time", "clock"]
X_UNITS: Final[tuple[XUnit, ...]] = ("step", "epoch", "time", "clock")


@dataclass(frozen=True)
class Timeline:
    """What places are counted from."""

    started_s: float = 0.0
    """Seconds since 1970."""
    steps_an_epoch: float | None = None
    """None where it is not known yet."""


@dataclass(frozen=True, eq=False)
class Places:
    """Step, epoch and time of some points; shared by what was recorded together."""

    steps: Whole
    epochs: Whole
    times_s: Floats
    _made: dict[tuple[XUnit, Timeline], "Floats | Whole"] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.steps)

    def x(self, unit: XUnit, timeline: Timeline) -> "Floats | Whole":
        """Places along an axis, never falling.

        Args:
            unit: `step`; `epoch` with its fraction, 1 at the end of the first one; `time` in
                seconds since the start; `clock` in seconds since 1970.
            timeline: Of the run.
        """
        if unit == "step":
            return self.steps
        key = (unit, timeline)
        if key not in self._made:
            self._made[key] = self._x(unit, timeline)
        return self._made[key]

    def _x(self, unit: XUnit, timeline: Timeline) -> "Floats | Whole":
        if unit == "epoch":
            if timeline.steps_an_epoch:
                return self.steps / timeline.steps_an_epoch
            return np.maximum.accumulate(self.epochs)
        # A clock that was set back, or a record without a time, stays at the place before.
        times_s: Floats = np.fmax.accumulate(self.times_s)
        times_s = np.where(np.isnan(times_s), timeline.started_s, times_s)
        return times_s - timeline.started_s if unit == "time" else times_s

    def nearest(self, time_s: float) -> int | None:
        """The position of the point that was recorded next to a time."""
        if not len(self):
            return None
        times_s = self.x("clock", Timeline())
        after = int(np.searchsorted(times_s, time_s))
        around = [at for at in (after - 1, after) if 0 <= at < len(times_s)]
        return min(around, key=lambda at: abs(float(times_s[at]) - time_s))


def steps_an_epoch(
    total_steps: int | None, epochs: int | None, longest: Places | None
) -> float | None:
    """Optimizer steps an epoch: as planned, else as seen; None where neither says it.

    Args:
        total_steps: Planned steps.
        epochs: Planned epochs.
        longest: Places of what was recorded most often.
    """
    if total_steps and epochs:
        return total_steps / epochs
    if longest is None or not len(longest) or longest.epochs[-1] <= 0:
        return None
    last = int(longest.epochs[-1])
    begin = int(np.searchsorted(longest.epochs, last))
    return float(longest.steps[begin - 1]) / last if begin else None
