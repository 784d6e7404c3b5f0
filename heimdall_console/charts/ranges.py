"""Axis ranges that end at round numbers and change seldom while a curve grows."""

import math
from typing import Final

Range = tuple[float, float]

DECADE: Final = 10.0

_ENDS: Final = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0)
_LARGEST: Final = 1e307  # ten times it is still a number
_SMALLEST: Final = 1e-290
_FINEST_SHARE: Final = 1e-12  # of the size of the numbers: a narrower range has no distinct ticks
_SLACK: Final = 0.25
_FILLED: Final = 0.35


def round_step(span: float, count: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that divides a span into at most `count`."""
    wanted = min(max(span / max(count, 1.0), _SMALLEST), _LARGEST / 10)
    power: float = 10.0 ** math.floor(math.log10(wanted))
    return next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= wanted * (1 - 1e-9))


def fit_range(low: float, high: float) -> Range:
    """A range that is wide enough to draw, around what may be no range at all."""
    low, high = min(low, high), max(low, high)
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0, 1.0
    low, high = min(max(low, -_LARGEST), _LARGEST), max(min(high, _LARGEST), -_LARGEST)
    size = max(abs(low), abs(high))
    if size < _SMALLEST:
        return 0.0, 1.0
    if high - low <= size * _FINEST_SHARE:
        return max(low - size / 10, -_LARGEST), min(high + size / 10, _LARGEST)
    return low, high


def round_range(low: float, high: float) -> Range:
    """The range around some values that ends at multiples of a tenth of it, or at zero."""
    low, high = fit_range(low, high)
    if 0 < low < 0.15 * high:
        low = 0.0
    step = round_step(high - low, 10)
    return (
        max(math.floor(low / step + 1e-9) * step, -_LARGEST),
        min(math.ceil(high / step - 1e-9) * step, _LARGEST),
    )


def fit_log_range(low: float, high: float) -> Range:
    """A positive range that is wide enough to draw on a logarithmic axis."""
    low, high = fit_range(low, high)
    low, high = max(low, _SMALLEST), max(high, _SMALLEST)
    return (low, high) if low < high * (1 - 1e-6) else (low / 2, min(high * 2, _LARGEST))


def round_log_range(low: float, high: float) -> Range:
    """The range around positive values that ends at 1, 2 or 5 times a power of ten.

    Less than a decade ends at multiples of a tenth of it: a curve would fill a few rows otherwise.
    """
    low, high = fit_log_range(low, high)
    if high / low < DECADE:
        step = round_step(high - low, 10)
        bottom = math.floor(low / step + 1e-9) * step
        top = min(math.ceil(high / step - 1e-9) * step, _LARGEST)
        return (bottom if bottom > 0 else _log_step(low, up=False)), top
    return _log_step(low, up=False), _log_step(high, up=True)


def grown_range(previous: Range | None, low: float, high: float) -> Range:
    """The range for a live curve: the one before as long as it holds and is filled well.

    Args:
        previous: The range drawn before; None for the first.
        low: Least value to be seen.
        high: Greatest value to be seen.
    """
    if previous is None:
        return round_range(low, high)
    before_low, before_high = previous
    span = before_high - before_low
    is_inside = before_low <= low and high <= before_high
    if is_inside and high - low >= _FILLED * span:
        return previous
    if is_inside or not math.isfinite(span):
        fresh = round_range(low, high)
        # A constant, or values that their own round range holds no better.
        return previous if fresh[1] - fresh[0] > _FILLED * 2 * span else fresh
    # Some room where it grew, so that it does not grow with each point.
    slack = _SLACK * max(span, high - low)
    if low < before_low:
        low = min(max(low - slack, 0.0), low) if low >= 0 else low - slack
    return round_range(low, high + slack if high > before_high else high)


def grown_end(first: float, last: float) -> float:
    """The end of the x axis of a growing curve: at round distances from its begin."""
    reach = last - first
    if not (math.isfinite(reach) and reach > 0):
        return first + 1.0
    power: float = 10.0 ** math.floor(math.log10(max(reach, _SMALLEST)))
    return first + next((m * power for m in _ENDS if m * power >= reach), 10 * power)


def _log_step(value: float, *, up: bool) -> float:
    power: float = 10.0 ** math.floor(math.log10(value))
    steps = [m * power for m in (1.0, 2.0, 5.0, 10.0)]
    if up:
        return min(next((s for s in steps if s >= value * (1 - 1e-9)), steps[-1]), _LARGEST)
    return next((s for s in reversed(steps) if s <= value * (1 + 1e-9)), steps[0])
