"""Ticks at round numbers, with labels that never touch."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from heimdall_console.charts.picture import text_width
from heimdall_console.charts.ranges import DECADE, Range, round_step
from heimdall_console.charts.time_axis import clock_ticks, elapsed_ticks

_SUFFIXES: Final = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_MOST_TICKS: Final = 60
_FEWEST_NAMED: Final = 3


class Tick(NamedTuple):
    """A place on an axis and its text; without text it is a minor one."""

    value: float
    text: str


@dataclass(frozen=True)
class PlacedLabel:
    """A label's first cell, its text, and the cell of its tick."""

    start: int
    text: str
    tick: int


def linear_values(low: float, high: float, step: float) -> list[float]:
    """The multiples of a step within a range."""
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, min(last, first + _MOST_TICKS) + 1)]


def linear_ticks(bounds: Range, count: int, width: int = 8) -> list[Tick]:
    """Ticks at multiples of 1, 2 or 5 times a power of ten.

    Args:
        bounds: Least and greatest value of the axis.
        count: Ticks at most, but for one.
        width: Cells for a label; wider numbers are shortened (`12k`, `1.5e7`).
    """
    step = round_step(bounds[1] - bounds[0], max(1, count))
    values = linear_values(*bounds, step)
    texts = number_texts(values, step, width)
    return [Tick(value, text) for value, text in zip(values, texts, strict=True)]


def log_ticks(bounds: Range, count: int) -> list[Tick]:
    """Decades, thinned where they are many; 2 and 5 between them, named where there is room.

    Where less than a decade holds fewer than three of those, round numbers as on a linear axis.
    """
    low, high = bounds
    ticks = _decade_ticks(bounds, count)
    if high / low < DECADE and sum(bool(tick.text) for tick in ticks) < _FEWEST_NAMED:
        return linear_ticks(bounds, count)
    return ticks


def _decade_ticks(bounds: Range, count: int) -> list[Tick]:
    low, high = bounds
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = max(1, -(-(last - first) // max(1, count)))
    has_room = 3 * (last - first) <= count + 2
    ticks = []
    for exponent in range(first, last + 1):
        is_major = exponent % every == 0
        for factor in (1, 2, 5) if every == 1 else (1,):
            value = factor * 10.0**exponent
            if low * (1 - 1e-9) <= value <= high * (1 + 1e-9) and (is_major or every <= 3):
                is_named = has_room or (factor == 1 and is_major)
                ticks.append(Tick(value, power_text(factor, exponent) if is_named else ""))
    return ticks


def power_text(factor: int, exponent: int) -> str:
    """A factor times a power of ten, in figures where they are short."""
    if 0 <= exponent <= 4:
        return f"{factor * 10**exponent:,}"
    if -4 <= exponent < 0:
        return f"{factor * 10.0**exponent:.{-exponent}f}"
    return f"{factor}e{exponent}"


def number_texts(values: Sequence[float], step: float, width: int = 8) -> list[str]:
    """Numbers that are a step apart, all written alike, in at most `width` cells if possible."""
    largest = max((abs(value) for value in values), default=0.0)
    decimals = max(0, -_exponent(step))
    ways: list[Callable[[float], str]] = []
    if largest < 1e6 and decimals <= 6:
        ways.append(lambda value: f"{value:,.{decimals}f}")
    if 1e3 <= largest < 1e15:
        ways.append(lambda value: short_text(value, step))
    digits = min(15, max(0, _exponent(largest) - _exponent(step)))
    ways.append(lambda value: _scientific(value, digits))
    texts: list[str] = []
    for way in ways:
        texts = ["0" if abs(value) < step / 1e6 else way(value) for value in values]
        if max(map(len, texts), default=0) <= width:
            break
    return texts


def short_text(value: float, step: float) -> str:
    """A number with `k`, `M`, `G` or `T`, as fine as the step needs."""
    scale, suffix = next(((s, t) for s, t in _SUFFIXES if abs(value) >= s), (1.0, ""))
    decimals = max(0, -_exponent(step / scale))
    if decimals > 3:
        return f"{value:,.{max(0, -_exponent(step))}f}"
    text = f"{value / scale:,.{decimals}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + suffix


def x_ticks(unit: str, bounds: Range, columns: int) -> list[Tick]:
    """The most ticks whose labels fit under a plot.

    Args:
        unit: `step` and `epoch` are whole numbers, `time` is elapsed seconds, `clock` seconds
            since 1970 as local time; anything else plain numbers.
        bounds: Least and greatest value of the axis.
        columns: Width of the plot.
    """
    ticks: list[Tick] = []
    for count in range(max(1, columns // 9), 0, -1):
        for is_short in (False, True):
            ticks = _x_ticks(unit, bounds, count, is_short=is_short)
            if len(place_labels(ticks, bounds, columns)) == len(ticks):
                return ticks
    return ticks


def _x_ticks(unit: str, bounds: Range, count: int, *, is_short: bool) -> list[Tick]:
    if unit in ("time", "clock"):
        make = elapsed_ticks if unit == "time" else clock_ticks
        return [Tick(value, text) for value, text in make(*bounds, count)]
    step = round_step(bounds[1] - bounds[0], count)
    if unit in ("step", "epoch"):
        step = max(1.0, step)
    values = linear_values(*bounds, step)
    if is_short:
        return [Tick(value, short_text(value, step) if value else "0") for value in values]
    texts = number_texts(values, step, width=12)
    return [Tick(value, text) for value, text in zip(values, texts, strict=True)]


def place_labels(ticks: Sequence[Tick], bounds: Range, columns: int) -> list[PlacedLabel]:
    """Labels centered under their ticks, two cells apart, those left out that would touch."""
    low, high = bounds
    placed: list[PlacedLabel] = []
    free_from = 0
    for value, text in ticks:
        if not text:
            continue
        cell = min(columns - 1, max(0, math.floor((value - low) / (high - low) * columns)))
        width = text_width(text)
        start = min(max(0, cell - (width - 1) // 2), columns - width)
        if start >= free_from and start >= 0:
            placed.append(PlacedLabel(start, text, cell))
            free_from = start + width + 2
    return placed


def _exponent(value: float) -> int:
    return math.floor(math.log10(value) + 1e-9) if value > 0 else 0


def _scientific(value: float, digits: int) -> str:
    mantissa, _, exponent = f"{value:.{digits}e}".partition("e")
    return f"{mantissa}e{int(exponent)}"
