"""Small plots as SVG text: axes with round steps, lines, dots; colors come from the page's style."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from training_core.publishing.page_text import safe

WIDTH: Final = 560
HEIGHT: Final = 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 12.0, 12.0, 44.0
_TICKS: Final = 6

Pair = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """One axis of a plot."""

    title: str
    low: float
    high: float
    is_log: bool = False

    def share(self, value: float) -> float:
        """Where a value lies between the ends, 0 to 1 inside."""
        if self.is_log:
            low, high = math.log(self.low), math.log(self.high)
            return (math.log(max(value, 1e-12)) - low) / (high - low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Round values between the ends."""
        if self.is_log:
            first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            found = [m * 10.0**power for power in range(first, last + 1) for m in (1, 2, 5)]
            if last - first > 2:
                found = [10.0**power for power in range(first, last + 1)]
            return [value for value in found if self.low <= value <= self.high]
        rough = (self.high - self.low) / _TICKS
        size: float = 10.0 ** math.floor(math.log10(rough))
        spacing = next(m * size for m in (1, 2, 5, 10) if m * size >= rough * 0.999)
        start = math.ceil(self.low / spacing - 1e-9)
        end = math.floor(self.high / spacing + 1e-9)
        return [number * spacing for number in range(start, end + 1)]


class Plot:
    """A plot that is added to and then written.

    Args:
        x: The horizontal axis.
        y: The vertical one.
        name: What the plot shows, for whoever cannot see it.
        is_map: Whether both axes have one scale: the shorter one is extended.
    """

    def __init__(self, x: Axis, y: Axis, name: str, *, is_map: bool = False) -> None:
        self._height: float = HEIGHT
        if is_map:
            x, y, self._height = _one_scale(x, y)
        self._x, self._y, self._name = x, y, name
        self._parts: list[str] = []

    def line(self, points: Sequence[Pair], style: str) -> None:
        """A line through points in data units; what is not finite is left out."""
        shown = [self._at(point) for point in points if all(map(math.isfinite, point))]
        if len(shown) > 1:
            text = " ".join(f"{x:.1f},{y:.1f}" for x, y in shown)
            self._parts.append(f'<polyline class="{style}" points="{text}"/>')

    def dots(
        self,
        points: Sequence[Pair],
        style: str,
        radius: float = 2.0,
        titles: Sequence[str] | None = None,
    ) -> None:
        """Circles in data units, each with what a pointer over it shows."""
        for number, point in enumerate(points):
            if not all(map(math.isfinite, point)):
                continue
            x, y = self._at(point)
            hint = f"<title>{safe(titles[number])}</title>" if titles else ""
            self._parts.append(
                f'<circle class="{style}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}">{hint}</circle>'
            )

    def svg(self) -> str:
        """The whole plot."""
        bottom = self._height - _BOTTOM
        lines = [
            f'<svg viewBox="0 0 {WIDTH} {self._height:.0f}" role="img" '
            f'aria-label="{safe(self._name)}">'
        ]
        for value in self._x.ticks():
            x = self._at((value, self._y.low))[0]
            lines.append(_rule(x, _TOP, x, bottom))
            lines.append(_text(x, bottom + 16, _number(value), "middle"))
        for value in self._y.ticks():
            y = self._at((self._x.low, value))[1]
            lines.append(_rule(_LEFT, y, WIDTH - _RIGHT, y))
            lines.append(_text(_LEFT - 6, y + 4, _number(value), "end"))
        middle = (_LEFT + WIDTH - _RIGHT) / 2
        lines.append(_text(middle, self._height - 8, self._x.title, "middle"))
        height = (_TOP + bottom) / 2
        lines.append(
            f'<text text-anchor="middle" transform="translate(13 {height:.0f}) rotate(-90)">'
            f"{safe(self._y.title)}</text>"
        )
        # What lies beyond the axes ends at them.
        lines.append(
            f'<svg x="{_LEFT:g}" y="{_TOP:g}" width="{WIDTH - _LEFT - _RIGHT:g}" '
            f'height="{bottom - _TOP:.1f}" viewBox="{_LEFT:g} {_TOP:g} '
            f'{WIDTH - _LEFT - _RIGHT:g} {bottom - _TOP:.1f}">'
        )
        return "".join([*lines, *self._parts, "</svg></svg>"])

    def _at(self, point: Pair) -> Pair:
        across, up = WIDTH - _LEFT - _RIGHT, self._height - _TOP - _BOTTOM
        return (
            _LEFT + across * self._x.share(point[0]),
            self._height - _BOTTOM - up * self._y.share(point[1]),
        )


def spanning(
    title: str, values: Sequence[float], *, is_log: bool = False, margin: float = 0.03
) -> Axis:
    """An axis that shows all finite values."""
    allowed: Callable[[float], bool] = (lambda v: v > 0) if is_log else (lambda _: True)
    known = [value for value in values if math.isfinite(value) and allowed(value)]
    low, high = min(known, default=1.0), max(known, default=2.0)
    if is_log:
        return Axis(title, low / 1.1, max(high, low * 1.5) * 1.1, is_log=True)
    span = max(high - low, 1e-6 * max(abs(high), 1.0))
    return Axis(title, low - margin * span, high + margin * span)


def _one_scale(x: Axis, y: Axis) -> tuple[Axis, Axis, float]:
    """Axes of as many units a pixel, and the height that a map needs, within reason."""
    across = WIDTH - _LEFT - _RIGHT
    wanted = across * (y.high - y.low) / (x.high - x.low)
    up = min(max(wanted, 0.5 * across), 1.1 * across)
    scale = max((x.high - x.low) / across, (y.high - y.low) / up)
    return _widened(x, scale * across), _widened(y, scale * up), up + _TOP + _BOTTOM


def _widened(axis: Axis, span: float) -> Axis:
    center = (axis.low + axis.high) / 2
    return Axis(axis.title, center - span / 2, center + span / 2)


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{safe(text)}</text>'


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{round(value, 6):g}"
