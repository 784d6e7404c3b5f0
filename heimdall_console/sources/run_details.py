"""What of runs is read only when it is wanted: configurations, and figures of metrics."""

import contextlib
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.message import Message
from textual.message_pump import MessagePump

from heimdall_console.sources.background import Source
from training_core.contract.errors import TrackingError

if TYPE_CHECKING:
    from heimdall_console.run_figures import Figures
    from heimdall_console.run_rows import RunRow
    from heimdall_console.sources.tracking_reader import TrackingReader

_NOTHING_WANTED_S = 3600.0
_CONFIGS_AT_ONCE = 40
_RUNS_AT_ONCE = 25
_SHORTEST_AGAIN_S = 5.0
_BYTES_PER_S_AGAIN = 2e6
"""A long log of a living run is read again only so often that this many bytes a second result."""

Config = tuple[dict[str, str], dict[str, str]]


class ConfigsRead(Message):
    """What the configurations of some local runs say.

    Args:
        configs: Run id → parameters and tags.
    """

    def __init__(self, configs: dict[str, Config]) -> None:
        self.configs = configs
        super().__init__()


class FiguresRead(Message):
    """The figures of metrics of some runs.

    Args:
        figures: Row as it was when they were read, metric, figures.
    """

    def __init__(self, figures: "list[tuple[RunRow, str, Figures]]") -> None:
        self.figures = figures
        super().__init__()


class _Wanted(Source):
    """A source that works off what is wanted now, and forgets what was wanted before."""

    interval_s = _NOTHING_WANTED_S

    def __init__(self, poster: MessagePump) -> None:
        super().__init__(poster)
        self._guard = threading.Lock()
        self._wanted_rows: list[RunRow] = []
        self._metric = ""

    def want(self, rows: "Sequence[RunRow]", metric: str) -> None:
        """Read the figures of a metric, of the first rows first."""
        with self._guard:
            self._wanted_rows, self._metric = list(rows), metric
        self.wake()

    def _take(self, count: int) -> "tuple[list[RunRow], str]":
        with self._guard:
            rows, self._wanted_rows = self._wanted_rows[:count], self._wanted_rows[count:]
            return rows, self._metric


class LocalDetails(_Wanted):
    """Reads files of runs on this disk.

    Args:
        poster: Who is told.
        runs: Folder of the runs.
    """

    NAME: ClassVar[str] = "run files"

    def __init__(self, poster: MessagePump, runs: Path) -> None:
        super().__init__(poster)
        self._runs = runs
        self._wanted_configs: list[str] = []
        self._next_s: dict[str, float] = {}

    def want_configs(self, run_ids: Sequence[str]) -> None:
        """Read the configurations of runs, of the first ones first."""
        with self._guard:
            self._wanted_configs = list(run_ids)
        self.wake()

    def look(self) -> None:
        """Read what is wanted until nothing is."""
        while not self.is_stopped:
            with self._guard:
                ids = self._wanted_configs[:_CONFIGS_AT_ONCE]
                del self._wanted_configs[:_CONFIGS_AT_ONCE]
            if ids:
                self.post(self._configs(ids))
            rows, _ = self._take(1)
            for row in rows:
                self._read_figures(row)
            if not ids and not rows:
                return

    def _configs(self, run_ids: Sequence[str]) -> ConfigsRead:
        from heimdall_console.run_params import read_params

        return ConfigsRead(
            {run_id: read_params(self._runs / run_id / "config.toml") for run_id in run_ids}
        )

    def _read_figures(self, row: "RunRow") -> None:
        from heimdall_console.run_figures import Figures, read_figures

        now_s = time.monotonic()
        if now_s < self._next_s.get(row.key, 0.0):
            return
        log = Path(row.path) / "log.jsonl"
        found: dict[str, Figures] = {}
        with contextlib.suppress(OSError):
            size = log.stat().st_size
            self._next_s[row.key] = now_s + max(_SHORTEST_AGAIN_S, size / _BYTES_PER_S_AGAIN)
            found = read_figures(log)
        # One without any is told, too: nobody asks for it again.
        found.setdefault(self._metric, Figures())
        self.post(FiguresRead([(row, metric, figures) for metric, figures in found.items()]))


class TrackedFigures(_Wanted):
    """Asks MLflow for histories of runs that are only there.

    Args:
        poster: Who is told.
        reader: The process that reads MLflow.
    """

    NAME: ClassVar[str] = "metrics of MLflow"

    def __init__(self, poster: MessagePump, reader: "TrackingReader") -> None:
        super().__init__(poster)
        self._reader = reader

    def look(self) -> None:
        """Read what is wanted until nothing is."""
        from heimdall_console.run_figures import figures_of

        while not self.is_stopped:
            rows, metric = self._take(_RUNS_AT_ONCE)
            if not rows:
                return
            by_id = {row.mlflow_id: row for row in rows}
            found = []
            try:
                for answer in self._reader.stream("figures", runs=list(by_id), metric=metric):
                    row = by_id[answer["run"]]
                    found.append((row, metric, figures_of(answer["figures"])))
            except TrackingError:
                # The list of runs says that MLflow does not answer: once is enough.
                return
            self.post(FiguresRead(found))
