"""What a table shows of a metric of a run: last, smallest, largest, and a few values between."""

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from training_core.contract.metric_directions import KNOWN_DIRECTIONS

if TYPE_CHECKING:
    from heimdall_console.run_rows import RunRow

SPARKLINE_POINTS: Final = 60
LARGEST_LOG_BYTES: Final = 400 * 1000 * 1000
"""Longer logs are not read for a table: the Live screen does."""


@dataclass(frozen=True)
class Figures:
    """One metric of one run."""

    count: int = 0
    last: float | None = None
    smallest: float | None = None
    largest: float | None = None
    values: tuple[float, ...] = ()
    """Means of at most 60 stretches, the first first."""


class FigureStore:
    """The figures that were read so far, and which way each metric is better.

    Attributes:
        directions: Metric → `min` or `max`; of our networks' own metrics, and what a person or
            every configuration has said. Of a metric that is not here nobody knows it.
    """

    def __init__(self, directions: Mapping[str, str] | None = None) -> None:
        self.directions: dict[str, str] = dict(KNOWN_DIRECTIONS)
        self._said: dict[str, str] = {}
        self._disputed: set[str] = set()
        self.hear(directions or {})
        self.changes = 0
        """Grows whenever figures are kept."""
        self._figures: dict[tuple[str, str], Figures] = {}
        self._stamps: dict[tuple[str, str], object] = {}

    def hear(self, said: Mapping[str, str]) -> None:
        """Take what a person has said, which counts more than anything else."""
        self._said = dict(said)
        self.directions |= said

    def learn(self, metric: str, direction: str) -> None:
        """Take what the configuration of a run says.

        Where configurations disagree nobody knows which way the metric is better.
        """
        if metric in self._said or metric in self._disputed:
            return
        if self.directions.setdefault(metric, direction) != direction:
            del self.directions[metric]
            self._disputed.add(metric)

    def get(self, key: str, metric: str) -> Figures | None:
        """The figures of a metric of a run; None where they were not read."""
        return self._figures.get((key, metric))

    def put(self, row: "RunRow", metric: str, figures: Figures) -> None:
        """Keep figures, read when the run was as `row` says."""
        if self._figures.get((row.key, metric)) != figures:
            self.changes += 1
        self._figures[row.key, metric] = figures
        self._stamps[row.key, metric] = _stamp(row)

    def is_current(self, row: "RunRow", metric: str) -> bool:
        """Whether what is known was read when the run was as it is."""
        return self._stamps.get((row.key, metric)) == _stamp(row)

    def lacking(self, rows: Iterable["RunRow"], metric: str) -> "list[RunRow]":
        """The rows whose figures are to be read, or read again."""
        if not metric:
            return []
        return [row for row in rows if not self.is_current(row, metric)]

    def value(self, row: "RunRow", metric: str, which: str) -> float | None:
        """What is known of a metric of a run.

        Args:
            row: The run.
            metric: The metric.
            which: best, last, min or max.
        """
        figures = self._figures.get((row.key, metric))
        if which == "best":
            return self._best(row, metric, figures)
        if which == "last":
            found = figures.last if figures is not None else None
            for known in (row.metrics, row.at_best):
                if found is None:
                    found = known.get(metric)
            return found
        if figures is None:
            return None
        return figures.smallest if which == "min" else figures.largest

    def _best(self, row: "RunRow", metric: str, figures: Figures | None) -> float | None:
        if metric == row.monitor and row.best is not None:
            return row.best
        direction = self.directions.get(metric)
        if figures is not None and direction is not None and figures.count:
            return figures.smallest if direction == "min" else figures.largest
        return row.at_best.get(metric)


def read_figures(log: Path) -> dict[str, Figures]:
    """The figures of every metric in a run's log; nothing where it is missing or too long.

    Raises:
        OSError: It cannot be read.
    """
    from heimdall_console.series import SeriesStore
    from training_core.contract.run_log import PIECE_BYTES, RunLogReader

    if not log.exists() or log.stat().st_size > LARGEST_LOG_BYTES:
        return {}
    store = SeriesStore()
    reader = RunLogReader(log)
    while records := reader.read_new(PIECE_BYTES):
        store.take(records)
    return {
        name: figures_of_values(series.values.tolist()) for name, series in store.series.items()
    }


def figures_of(said: Mapping[str, Any]) -> Figures:
    """The figures as the tracking reader says them."""
    return Figures(
        count=int(said.get("count") or 0),
        last=said.get("last"),
        smallest=said.get("min"),
        largest=said.get("max"),
        values=tuple(said.get("values") or ()),
    )


def figures_of_values(values: list[float]) -> Figures:
    """The figures of a metric whose values are all known."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return Figures(len(values))
    size = min(SPARKLINE_POINTS, len(finite))
    ends = [len(finite) * place // size for place in range(size + 1)]
    means = tuple(sum(finite[begin:end]) / (end - begin) for begin, end in itertools.pairwise(ends))
    return Figures(len(values), finite[-1], min(finite), max(finite), means)


def _stamp(row: "RunRow") -> object:
    return row.status, row.step, row.ended_s, row.metrics if row.is_live else None
