"""From metric records to the points that are published: names, thinning, order."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from training_core.contract.records import decode_number

_FORBIDDEN = re.compile(r"[^\w\-. :/]")
_LONGEST_NAME = 250
# A window gives two points, its smallest and its largest.
_POINTS_A_WINDOW = 2


@dataclass(frozen=True)
class Point:
    """One value of one metric, as MLflow stores it."""

    name: str
    value: float
    step: int
    time_ms: int


def safe_name(name: str, taken: Mapping[str, str]) -> str:
    """A name that MLflow accepts, different from all others.

    Args:
        name: Name in the run log.
        taken: Name in the log → name in MLflow, of those seen before.
    """
    parts = [part for part in _FORBIDDEN.sub("_", name).split("/") if part.strip(". ")]
    safe = "/".join(parts)[:_LONGEST_NAME].rstrip("/ ") or "unnamed"
    others = {used for original, used in taken.items() if original != name}
    number, candidate = 1, safe
    while candidate in others:
        number += 1
        candidate = f"{safe[: _LONGEST_NAME - 5]}_{number}"
    return candidate


@dataclass
class _Window:
    """The points of one metric that may still be thinned."""

    started_s: float
    offset: int
    last_offset: int
    is_first_of_metric: bool
    points: list[Point] = field(default_factory=list)

    def chosen(self) -> list[Point]:
        """What is published of the window, in the order of its steps."""
        if len(self.points) <= _POINTS_A_WINDOW:
            return self.points
        finite = [point for point in self.points if math.isfinite(point.value)]
        # What is not finite is as extreme as can be.
        kept = {point.step for point in self.points if not math.isfinite(point.value)}
        if finite:
            kept |= {min(finite, key=_value).step, max(finite, key=_value).step}
        if self.is_first_of_metric:
            kept.add(self.points[0].step)
        return [point for point in self.points if point.step in kept]


def _value(point: Point) -> float:
    return point.value


class Thinner:
    """Keeps a stream of metrics below a rate; first, last and extremes are kept.

    The rate counts by the time in the records, not by the clock: what a run published once
    it publishes again.

    Args:
        max_points_per_s: Highest mean rate over all metrics together.
        highest: Last published step of each metric, by its name in the log. Steps up to
            there are skipped: they were published before a restart or a resume.
        names: Name in the log → name in MLflow; completed here.
    """

    def __init__(
        self, max_points_per_s: float, highest: dict[str, int], names: dict[str, str]
    ) -> None:
        self._rate = max_points_per_s
        self._highest = highest
        self._names = names
        self._newest: dict[str, int] = dict(highest)
        self._open: dict[str, _Window] = {}
        # The newest point of a metric where its window left it out: it may be the last of all.
        self._left: dict[str, tuple[Point, int]] = {}
        self._ready: list[tuple[str, Point]] = []
        self.thinned = 0
        """Points left out so far."""

    @property
    def ready(self) -> int:
        """How many points wait to be taken."""
        return len(self._ready)

    @property
    def oldest_offset(self) -> int | None:
        """Byte of the log from which everything not yet taken can be read again."""
        offsets = [window.offset for window in self._open.values()]
        offsets += [offset for _, offset in self._left.values()]
        return min(offsets, default=None)

    def add(self, record: Mapping[str, object], offset: int) -> None:
        """Take in a `metrics` record that was read from `offset` on or later."""
        step, time_s, values = record.get("step"), record.get("t"), record.get("values")
        if not isinstance(step, int) or not isinstance(values, dict):
            return
        if not isinstance(time_s, int | float):
            return
        for original, raw in values.items():
            value = decode_number(raw)
            if value is None or step <= self._newest.get(original, -1):
                continue
            if original not in self._names:
                self._names[original] = safe_name(original, self._names)
            window = self._open.get(original)
            if window is not None and time_s >= window.started_s + self._window_s():
                self._close(original)
                window = None
            if window is None:
                window = _Window(time_s, offset, offset, original not in self._newest)
                self._open[original] = window
                self._left.pop(original, None)
            self._newest[original] = step
            point = Point(self._names[original], value, step, round(time_s * 1000))
            window.points.append(point)
            window.last_offset = offset

    def close_older_than(self, time_s: float) -> None:
        """End the windows that began before `time_s` less their length."""
        for name, window in list(self._open.items()):
            if window.started_s + self._window_s() < time_s:
                self._close(name)

    def close_all(self) -> None:
        """End every window: the log has ended, and last points are kept."""
        for name in list(self._open):
            self._close(name)
        for name, (point, _) in self._left.items():
            self._ready.append((name, point))
            self.thinned -= 1
        self._left.clear()

    def take(self, count: int) -> list[tuple[str, Point]]:
        """At most `count` waiting points with their names in the log; they stay until `sent`."""
        return self._ready[:count]

    def sent(self, count: int) -> None:
        """The first `count` waiting points were published."""
        for original, point in self._ready[:count]:
            self._highest[original] = max(self._highest.get(original, -1), point.step)
        del self._ready[:count]

    def _window_s(self) -> float:
        return _POINTS_A_WINDOW * max(len(self._names), 1) / self._rate

    def _close(self, name: str) -> None:
        window = self._open.pop(name)
        chosen = window.chosen()
        self.thinned += len(window.points) - len(chosen)
        self._ready += [(name, point) for point in chosen]
        if window.points[-1] not in chosen:
            self._left[name] = (window.points[-1], window.last_offset)
