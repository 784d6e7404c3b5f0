"""Ticks of elapsed time and of the clock, at the round numbers of both."""

import math
import time
from typing import Final

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
_DAY: Final = 86400.0
_STEPS: Final = (
    *(1.0, 2.0, 5.0, 10.0, 15.0, 30.0),
    *(minutes * _MINUTE for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * _HOUR for hours in (1, 2, 3, 6, 12)),
    *(days * _DAY for days in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)),
)
_MOST_TICKS: Final = 60


def elapsed_ticks(low: float, high: float, count: int) -> list[tuple[float, str]]:
    """Seconds since the start and their texts (`5 min`, `1 h 30`)."""
    step = _step(high - low, count)
    first = math.ceil(low / step - 1e-9)
    last = min(math.floor(high / step + 1e-9), first + _MOST_TICKS)
    return [(i * step, elapsed_text(i * step, step)) for i in range(first, last + 1)]


def clock_ticks(low: float, high: float, count: int) -> list[tuple[float, str]]:
    """Seconds since 1970 and their local time; the date where a day begins."""
    step = max(1.0, _step(high - low, count))
    offset = local(low).tm_gmtoff
    first = math.ceil((low + offset) / step - 1e-9)
    last = min(math.floor((high + offset) / step + 1e-9), first + _MOST_TICKS)
    ticks = []
    day = -1
    for number in range(first, last + 1):
        value = number * step - offset
        moment = local(value)
        is_new_day = day not in (-1, moment.tm_yday)
        day = moment.tm_yday
        if step >= _DAY or is_new_day:
            text = f"{time.strftime('%b', moment)} {moment.tm_mday}"
        else:
            text = time.strftime("%H:%M" if step >= _MINUTE else "%H:%M:%S", moment)
        ticks.append((value, text))
    return ticks


def elapsed_text(seconds: float, step: float) -> str:
    """A time span as finely as ticks that are `step` seconds apart need."""
    if abs(seconds) < step / 1e6:
        return "0"
    sign, left = ("-", -seconds) if seconds < 0 else ("", seconds)
    if step < 1:
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        return f"{sign}{left:.{decimals}f} s"
    if left < _MINUTE:
        return f"{sign}{left:.0f} s"
    whole = round(left)
    if whole < _HOUR:
        minutes, rest = divmod(whole, 60)
        return f"{sign}{minutes} min" if not rest else f"{sign}{minutes}:{rest:02d} min"
    if whole < _DAY:
        hours, rest = divmod(whole, 3600)
        return f"{sign}{hours} h" if not rest else f"{sign}{hours} h {rest // 60:02d}"
    days, rest = divmod(whole, 86400)
    return f"{sign}{days} d" if not rest else f"{sign}{days} d {rest // 3600} h"


def local(seconds: float) -> time.struct_time:
    """The local time of seconds since 1970, whatever the number."""
    return time.localtime(min(max(seconds, 0.0), 32_000_000_000.0))


def _step(span: float, count: int) -> float:
    wanted = span / max(1, count)
    if wanted < 1:
        power: float = 10.0 ** math.floor(math.log10(max(wanted, 1e-9)))
        return next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= wanted * (1 - 1e-9))
    coarse = _STEPS[-1] * math.ceil(wanted / _STEPS[-1])
    return next((step for step in _STEPS if step >= wanted * (1 - 1e-9)), coarse)
