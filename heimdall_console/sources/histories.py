"""Whole histories of metrics, from a run's log or from MLflow, in one shape."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from heimdall_console.point_columns import Floats, Whole
from heimdall_console.series import SeriesStore
from training_core.contract.run_log import PIECE_BYTES, RunLogReader

if TYPE_CHECKING:
    from heimdall_console.run_rows import RunRow
    from heimdall_console.sources.tracking_reader import TrackingReader

_SPELLED: Final = {"NaN": np.nan, "Infinity": np.inf, "-Infinity": -np.inf}


@dataclass(frozen=True, eq=False)
class MetricHistory:
    """Every point of one metric of one run, steps never falling."""

    steps: Whole
    times_s: Floats
    """Seconds since 1970."""
    values: Floats
    total: int = 0
    """Points that there are; more than are here where MLflow's reader thinned them."""

    @property
    def elapsed_s(self) -> Floats:
        """Seconds since the first point, never falling."""
        if not len(self.times_s):
            return self.times_s
        passed: Floats = np.maximum.accumulate(np.nan_to_num(self.times_s - self.times_s[0]))
        return passed


def read_histories(
    row: "RunRow", metrics: Sequence[str] | None, reader: "TrackingReader"
) -> dict[str, MetricHistory]:
    """Histories of a run.

    Args:
        row: The run.
        metrics: Which ones; all when None.
        reader: The process that reads MLflow, for a run that is only there.

    Raises:
        TrackingError: MLflow refused or did not answer.
        OSError: The log cannot be read.
    """
    if row.is_local:
        return _from_log(Path(row.path) / "log.jsonl", metrics)
    wanted = list(metrics) if metrics is not None else sorted(row.metrics)
    wanted = [name for name in wanted if name in row.metrics]
    found = {}
    for answer in reader.stream("history", run=row.mlflow_id, metrics=wanted):
        found[str(answer["metric"])] = _history(answer)
    return found


def _from_log(log: Path, metrics: Sequence[str] | None) -> dict[str, MetricHistory]:
    if not log.exists():
        return {}
    store, reader = SeriesStore(), RunLogReader(log)
    while records := reader.read_new(PIECE_BYTES):
        store.take(records)
    return {
        name: MetricHistory(series.steps, series.times_s, series.values, len(series))
        for name, series in store.series.items()
        if metrics is None or name in metrics
    }


def _history(answer: dict[str, Any]) -> MetricHistory:
    values = [_SPELLED[v] if isinstance(v, str) else v for v in answer["values"]]
    return MetricHistory(
        np.array(answer["steps"], np.int64),
        np.array(answer["times_ms"], np.float64) / 1000.0,
        np.array(values, np.float64),
        int(answer["total"]),
    )
