"""Everything that a run's log says, folded as it grows, and given out as views that never change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from heimdall_console.charts.pyramid import Pyramid, PyramidView
from heimdall_console.charts.ranges import grown_end
from heimdall_console.charts.smoothing import SmoothedSeries
from heimdall_console.hardware_history import HardwareHistory, HardwareView
from heimdall_console.run_lines import LogLine, LogLines
from heimdall_console.run_places import Places, Timeline, steps_an_epoch
from heimdall_console.run_progress import RunProgress, whole
from heimdall_console.series import SeriesStore

if TYPE_CHECKING:
    from heimdall_console.point_columns import PointColumns
    from training_core.contract.run_log import Record

_NOT_OF_TRAINING = ("val", "test")


@dataclass(frozen=True, eq=False)
class SeriesView:
    """One metric as it was at one moment."""

    name: str
    places: Places
    """Shared by the metrics that are recorded together."""
    pyramid: PyramidView
    """The values."""
    smoothed: PyramidView | None = None
    """None where nothing is to be smoothed."""

    def __len__(self) -> int:
        return len(self.pyramid)

    @property
    def latest(self) -> float | None:
        """The last value, NaN and infinities among them."""
        return float(self.pyramid.values[-1]) if len(self) else None

    def best(self, mode: str) -> int | None:
        """The position of the first least (`min`) or greatest (`max`) finite value."""
        low, high = self.pyramid.min_max(np.array([0, len(self)]))
        wanted = low[0] if mode == "min" else high[0]
        found = np.flatnonzero(self.pyramid.values == wanted)
        return int(found[0]) if len(found) else None


@dataclass(frozen=True, eq=False)
class HistoryView:
    """A run as it was at one moment."""

    metrics: Mapping[str, SeriesView]
    """In the order of their first records."""
    hardware: HardwareView
    lines: tuple[LogLine, ...]
    progress: RunProgress
    """Without history of metrics: `metrics` has it."""
    timeline: Timeline = field(default_factory=Timeline)


class RunHistory:
    """Takes the records of one run in their order.

    Args:
        monitor: Metric that chooses the best checkpoint.
        mode: Whether its small (`min`) or large (`max`) values are good.
    """

    def __init__(self, monitor: str = "val/loss", mode: str = "min") -> None:
        self.smoothing = 0.0
        """From 0, nothing is smoothed, to below 1."""
        self._store = SeriesStore()
        self._hardware = HardwareHistory()
        self._lines = LogLines()
        self._progress = RunProgress(monitor=monitor, mode=mode)
        self._begun_s: float | None = None
        self._pyramids: dict[str, Pyramid] = {}
        self._smoothed: dict[str, SmoothedSeries] = {}

    @property
    def status(self) -> str | None:
        """What the last state said."""
        return self._progress.status or None

    def take(self, records: Iterable["Record"]) -> None:
        """Fold in records."""
        listed = list(records)
        self._store.take(listed)
        progress, lines, hardware = self._progress, self._lines, self._hardware
        # Of metrics only the last place is needed here: there may be very many.
        last: Record | None = None
        for record in listed:
            kind = record["kind"]
            if kind == "metrics":
                if _tells_of_training(record):
                    last = record
                else:
                    self._take_place(last)
                    lines.take(record)
                continue
            if last is not None and kind != "task":
                self._take_place(last)
                last = None
            if kind == "resumed":
                hardware.drop_after(whole(record, "step", 0))
            progress.take((record,))
            # A resume starts anew; what passes is counted from the first beginning.
            self._begun_s = progress.started if self._begun_s is None else self._begun_s
            if kind == "hardware":
                hardware.take(record, progress.step, progress.epoch)
            elif kind != "task":
                lines.take(record)
            else:
                lines.epochs = progress.epochs
        self._take_place(last)

    def _take_place(self, record: "Record | None") -> None:
        if record is not None:
            progress = self._progress
            progress.step = max(progress.step, whole(record, "step", 0))
            progress.epoch = whole(record, "epoch", progress.epoch)
            self._lines.show_beside(record)

    def view(self) -> HistoryView:
        """The run as it is now."""
        self._keep_up()
        places: dict[PointColumns, Places] = {}
        metrics: dict[str, SeriesView] = {}
        reach = self._reach()
        for name, series in self._store.series.items():
            shared = places.get(series.columns)
            if shared is None:
                points = series.columns.points
                shared = Places(points.steps, points.epochs, points.times_s)
                places[series.columns] = shared
            values = self._pyramids[name].view()
            metrics[name] = SeriesView(
                name, shared, values, self._smooth(name, shared, values, reach)
            )
        progress = self._progress.snapshot()
        progress.latest = {n: v for n, s in metrics.items() if (v := s.latest) is not None}
        longest = max(places.values(), key=len, default=None)
        timeline = Timeline(
            self._begun_s or 0.0,
            steps_an_epoch(progress.total_steps, progress.epochs, longest),
        )
        return HistoryView(metrics, self._hardware.view(), self._lines.view(), progress, timeline)

    def _keep_up(self) -> None:
        """Bring the pyramids up to the columns."""
        series = self._store.series
        for columns in {one.columns for one in series.values()}:
            settled, values = columns.settle(), columns.points.values
            for name in columns.names:
                pyramid = self._pyramids.setdefault(name, Pyramid())
                pyramid.truncate(settled)
                pyramid.extend(values[name][len(pyramid) :])

    def _reach(self) -> float:
        """Length of the axis that smoothing is meant for; it changes in steps."""
        return grown_end(0.0, float(max(1, self._progress.step)))

    def _smooth(
        self, name: str, places: Places, values: PyramidView, reach: float
    ) -> PyramidView | None:
        if self.smoothing <= 0.0:
            self._smoothed.clear()
            return None
        smoothed = self._smoothed.get(name)
        if smoothed is None or smoothed.smoothing != self.smoothing:
            smoothed = self._smoothed[name] = SmoothedSeries(self.smoothing)
        return smoothed.follow(places.steps, values, reach)


def _tells_of_training(record: "Record") -> bool:
    """Whether a metrics record is one of the many; a validation or test has a line of its own."""
    values = record.get("values")
    if type(values) is not dict or not values:
        return True
    first = next(iter(values))
    return type(first) is not str or not first.startswith(_NOT_OF_TRAINING)
