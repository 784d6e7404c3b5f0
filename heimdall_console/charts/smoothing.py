"""Smoothing by an exponential moving average whose weight depends on the distance along x."""

import math
from typing import Final

import numpy as np

from heimdall_console.charts.pyramid import Floats, Pyramid, PyramidView, Whole

_STEPS_OF_RANGE: Final = 1000.0
_LARGEST_WEIGHT: Final = 0.999
_BLOCK_DECAY: Final = 200.0  # exp of it and of twice its negative are still numbers


class TimeWeightedAverage:
    """The average so far: what lies a thousandth of the range back still counts `√smoothing`.

    Args:
        smoothing: From 0, nothing is smoothed, to below 1.
        x_reach: Length of the x axis that the smoothing is meant for.
    """

    def __init__(self, smoothing: float, x_reach: float) -> None:
        self._weight = min(math.sqrt(max(smoothing, 0.0)), _LARGEST_WEIGHT)
        self._decay = (
            -math.log(self._weight) * _STEPS_OF_RANGE / x_reach
            if self._weight > 0 and x_reach > 0
            else math.inf
        )
        self._x: float | None = None
        self._sum = 0.0
        self._total = 0.0

    def extend(self, x: Floats | Whole, values: Floats) -> Floats:
        """The smoothed values of further points; NaN and infinities stay and are not averaged in.

        Args:
            x: Places, never falling.
            values: One a place.
        """
        smoothed = values.astype(np.float64, copy=True)
        known = np.flatnonzero(np.isfinite(values))
        if not len(known) or not math.isfinite(self._decay):
            return smoothed
        places, numbers = x[known].astype(np.float64), values[known]
        first = places[0] if self._x is None else self._x
        # How much each point has decayed when the next one comes.
        steps = np.diff(places, prepend=first) * self._decay
        result = np.empty(len(known))
        begin = 0
        along = np.cumsum(np.minimum(steps, _BLOCK_DECAY))
        while begin < len(known):
            base = along[begin]
            end = max(begin + 1, int(np.searchsorted(along, base + _BLOCK_DECAY, side="right")))
            self._decay_once(steps[begin])
            growth = np.exp(along[begin:end] - base)
            sums = (self._sum + np.cumsum(numbers[begin:end] * growth)) / growth
            totals = (self._total + np.cumsum(growth)) / growth
            result[begin:end] = sums / totals
            self._sum, self._total = float(sums[-1]), float(totals[-1])
            begin = end
        self._x = float(places[-1])
        smoothed[known] = result
        return smoothed

    def _decay_once(self, step: float) -> None:
        kept = math.exp(-step)
        self._sum *= kept
        self._total *= kept


class SmoothedSeries:
    """A smoothed copy of a series that keeps up with it.

    Args:
        smoothing: From 0 to below 1.
    """

    def __init__(self, smoothing: float) -> None:
        self.smoothing = smoothing
        self._restart(1.0, 0)

    def follow(self, x: Floats | Whole, series: PyramidView, x_reach: float) -> PyramidView:
        """The smoothed series; only what was added since the last call is worked out.

        Args:
            x: Place of each value.
            series: The series as it is now.
            x_reach: Length of the x axis; all is worked out anew where it changes, so give one
                that changes in steps.
        """
        done = len(self._pyramid)
        is_same = x_reach == self._reach and series.generation == self._generation
        if not is_same or len(series) < done:
            self._restart(x_reach, series.generation)
            done = 0
        until = min(len(x), len(series))
        if done < until:
            new = slice(done, until)
            self._pyramid.extend(self._average.extend(x[new], series.values[new]))
        return self._pyramid.view()

    def _restart(self, x_reach: float, generation: int) -> None:
        self._reach = x_reach
        self._generation = generation
        self._average = TimeWeightedAverage(self.smoothing, x_reach)
        self._pyramid = Pyramid()
