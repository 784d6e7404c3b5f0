"""From metric records to the points that are published: names, thinning, order."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from training_core.contract.records import decode_number

_FORBIDDEN = re.compile(r"[^\w\-. :/]")
_LONGEST_NAME = 250
# A window gives two points, its smallest and its largest.
_POINTS_A_WINDOW = 2
_LARGEST_STEP = 2**63 - 1
_LATEST_TIME_S = 1e11

LogPoint = tuple[int, int, float]
"""Step, time in milliseconds, value."""


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


class _Window:
    """What may still be published of the points of one metric in a stretch of time."""

    __slots__ = ("count", "first", "high", "last", "low", "nan", "offset", "started_s")

    def __init__(
        self, time_s: float, offset: int, point: LogPoint, is_first_of_metric: bool
    ) -> None:
        self.started_s = time_s
        self.offset = offset
        self.count = 0
        self.first = point if is_first_of_metric else None
        self.low: LogPoint | None = None
        self.high: LogPoint | None = None
        self.nan: LogPoint | None = None
        self.last = point
        self.add(point)

    def add(self, point: LogPoint) -> None:
        value = point[2]
        if value != value:
            self.nan = self.nan or point
        else:
            if self.low is None or value < self.low[2]:
                self.low = point
            if self.high is None or value > self.high[2]:
                self.high = point
        self.count += 1
        self.last = point

    def chosen(self) -> list[LogPoint]:
        """First of the metric, smallest, largest and first that is not a number, by step."""
        kept = {p[0]: p for p in (self.first, self.low, self.high, self.nan) if p is not None}
        if self.count <= _POINTS_A_WINDOW:
            # Two equal values have one extreme and are two points all the same.
            kept[self.last[0]] = self.last
        return [kept[step] for step in sorted(kept)]


class Thinner:
    """Keeps a stream of metrics below a rate; first, last and extremes are kept.

    The rate counts by the times in the records, not by the clock. Which points are published
    depends on the log alone as long as its times go forward, so a publisher that begins again
    at an earlier `oldest_offset` chooses the same ones. Whatever the times: of a metric only
    a step above all earlier ones counts, so none is ever published with two values.

    Args:
        max_points_per_s: Highest mean rate over all metrics together.
        closed: Metric in the log → last step that was published or left out for good.
            Steps up to there are skipped: they are decided.
        names: Name in the log → name in MLflow.
        left: Metric in the log → its newest point, where that was left out so far.
    """

    def __init__(
        self,
        max_points_per_s: float,
        closed: Mapping[str, int] | None = None,
        names: Mapping[str, str] | None = None,
        left: Mapping[str, LogPoint] | None = None,
    ) -> None:
        self._rate = max_points_per_s
        self.closed = dict(closed or {})
        """Metric → last step that is decided."""
        self.names = dict(names or {})
        """Name in the log → name in MLflow."""
        # The newest point of a metric where its window left it out: it may be the last of all.
        self.left = dict(left or {})
        """Metric → its newest point, published only if no other follows."""
        self.thinned = 0
        """Points left out so far."""
        self._newest = dict(self.closed)
        self._open: dict[str, _Window] = {}
        self._ready: list[Point] = []

    @property
    def ready(self) -> int:
        """How many points wait to be taken."""
        return len(self._ready)

    @property
    def oldest_offset(self) -> int | None:
        """Byte of the log from which everything not yet decided can be read again."""
        return min((window.offset for window in self._open.values()), default=None)

    @property
    def oldest_time_s(self) -> float | None:
        """When the oldest point was made that is not yet decided."""
        return min((window.started_s for window in self._open.values()), default=None)

    def newest_step(self, name: str) -> int:
        """Last step of a metric that was taken in, -1 before any."""
        return self._newest.get(name, -1)

    def add(self, record: Mapping[str, object], offset: int) -> None:
        """Take in a `metrics` record that was read from `offset` on or later."""
        step, time_s, values = record.get("step"), record.get("t"), record.get("values")
        if isinstance(step, int) and isinstance(time_s, int | float) and isinstance(values, dict):
            self.add_values(step, time_s, values.items(), offset)

    def add_values(
        self, step: int, time_s: float, values: Iterable[tuple[str, object]], offset: int
    ) -> None:
        """Take in values of one step; what no server could store is left out."""
        if isinstance(step, bool) or step > _LARGEST_STEP or not 0 <= time_s < _LATEST_TIME_S:
            return
        time_ms = round(time_s * 1000)
        newest, windows = self._newest, self._open
        length_s = self._window_s()
        for name, raw in values:
            value = raw if type(raw) is float else decode_number(raw)
            if value is None or step <= newest.get(name, -1):
                continue
            point = (step, time_ms, value)
            window = windows.get(name)
            # A clock that jumps back ends a window too, or it would stay open for as long.
            if window is not None and not 0 <= time_s - window.started_s < length_s:
                self._close(name)
                window = None
            if window is None:
                if name not in self.names:
                    self.names[name] = safe_name(name, self.names)
                    length_s = self._window_s()
                windows[name] = _Window(time_s, offset, point, name not in newest)
                self.left.pop(name, None)
            else:
                window.add(point)
            newest[name] = step

    def close_older_than(self, time_s: float) -> None:
        """End the windows that are over by that time; only when the log was read to its end."""
        for name, window in list(self._open.items()):
            if not 0 <= time_s - window.started_s < self._window_s():
                self._close(name)

    def close_all(self) -> None:
        """End every window and keep last points: a stretch of the log is over."""
        for name in list(self._open):
            self._close(name)
        for name, point in self.left.items():
            self._ready.append(self._point(name, point))
            self.thinned -= 1
        self.left.clear()

    def take(self, count: int) -> list[Point]:
        """At most `count` waiting points; they stay until `sent`."""
        return self._ready[:count]

    def sent(self, count: int) -> None:
        """The first `count` waiting points were published."""
        del self._ready[:count]

    def _window_s(self) -> float:
        return _POINTS_A_WINDOW * max(len(self.names), 1) / self._rate

    def _point(self, name: str, point: LogPoint) -> Point:
        step, time_ms, value = point
        return Point(self.names[name], value, step, time_ms)

    def _close(self, name: str) -> None:
        window = self._open.pop(name)
        chosen = window.chosen()
        self.thinned += window.count - len(chosen)
        self._ready += [self._point(name, point) for point in chosen]
        self.closed[name] = window.last[0]
        if window.last is not chosen[-1]:
            self.left[name] = window.last
