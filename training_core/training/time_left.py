"""How long a training has gone on in this process, and how long it will still take."""

import math
from typing import Final

_FEWEST_MARKS: Final = 8
_MOST_MARKS: Final = 512
_LATE_SHARE: Final = 0.5
"""Share of the time so far whose rate is that of the rest: new enough to follow a change, long
enough to hold validations as often as they come."""
_SHORTEST_S: Final = 1.0
"""Less than this says nothing of a rate."""


class TrainingTime:
    """The time of this process's training from its first batch on, pauses not counted.

    What comes before the first batch, the loading of torch and the start of the data loaders,
    happens once, and so does what a run did before it was resumed: neither says how long a step
    takes.

    Args:
        max_minutes: Limit on that time; 0 has none.
    """

    def __init__(self, max_minutes: float) -> None:
        self.limit_s = 60.0 * max_minutes
        self._began_s: float | None = None
        self._marks: list[tuple[float, int]] = []

    def begin(self, now_s: float) -> None:
        """The first batch has ended; a second call changes nothing.

        Args:
            now_s: Of the first rank's monotonic clock, as everywhere here.
        """
        if self._began_s is None:
            self._began_s = now_s

    def leave_out(self, paused_s: float) -> None:
        """A pause is over."""
        if self._began_s is not None:
            self._began_s += paused_s

    def spent_s(self, now_s: float) -> float:
        """Seconds of training so far."""
        return 0.0 if self._began_s is None else max(0.0, now_s - self._began_s)

    def is_over(self, now_s: float) -> bool:
        """Whether the limit is reached."""
        return self.limit_s > 0.0 and self.spent_s(now_s) > self.limit_s

    def left_s(self, now_s: float, step: int, total_steps: float) -> float | None:
        """Seconds that are left, at the rate of the later half or until the limit.

        Args:
            now_s: Now.
            step: Optimizer steps completed.
            total_steps: Planned in all; infinite where that is not known.

        Returns:
            The shorter of both; None where neither is known.
        """
        if self._began_s is None:
            return None
        spent_s = self.spent_s(now_s)
        step_s = self._late_step_s(spent_s, step)
        ends = [] if step_s is None else [max(0.0, total_steps - step) * step_s]
        if self.limit_s > 0.0:
            ends.append(max(0.0, self.limit_s - spent_s))
        known = [end for end in ends if math.isfinite(end)]
        return min(known) if known else None

    def _late_step_s(self, spent_s: float, step: int) -> float | None:
        """Seconds a step over the later half; None where too little is known."""
        marks = self._marks
        marks.append((spent_s, step))
        if len(marks) > _MOST_MARKS:
            # Every other one: what is left still lies evenly over the whole time.
            del marks[1:-1:2]
        late_s = (1.0 - _LATE_SHARE) * spent_s if len(marks) > _FEWEST_MARKS else 0.0
        begin_s, begin_step = max((mark for mark in marks if mark[0] <= late_s), default=marks[0])
        if spent_s - begin_s < _SHORTEST_S or step <= begin_step:
            return None
        return (spent_s - begin_s) / (step - begin_step)
