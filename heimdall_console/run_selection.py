"""The runs of this disk that a query means, for the command line."""

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from heimdall_console.query import Query
from heimdall_console.query_names import Names
from heimdall_console.query_text import QueryError
from heimdall_console.run_figures import FigureStore, read_figures
from heimdall_console.run_params import read_params
from heimdall_console.run_rows import RunRow, RunRows
from training_core.contract.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heimdall_console.run_index import RunSummary


class RunSelection:
    """What a query means among some runs.

    Args:
        text: The query, as the screen Runs takes it.
        runs: All runs of this disk.
        archived: Ids of those that were put away.

    Raises:
        UsageError: It cannot be understood.
    """

    def __init__(self, text: str, runs: "Sequence[RunSummary]", archived: frozenset[str]) -> None:
        rows = RunRows()
        rows.take_local(runs)
        for run in runs:
            rows.take_config(run.info.id, *read_params(run.path / "config.toml"))
        self._rows = rows.rows
        self._figures = FigureStore()
        self._archived = archived
        if self._needs_logs(text):
            for row in rows.rows.values():
                self._read_log(row)
        try:
            self._query = self._understood(text)
        except QueryError as error:
            raise UsageError(
                f"The query cannot be understood at character {error.position + 1}",
                why=error.message,
                action="Write it as on the screen Runs, such as 'lr>=1e-3 state:finished'",
            ) from error

    @property
    def asks_for_archived(self) -> bool:
        """Whether runs that were put away are asked for."""
        return self._query.asks_for_archived

    def means(self, run_id: str) -> bool:
        """Whether a run is meant."""
        return self._query.matches(self._rows[run_id])

    def _understood(self, text: str) -> Query:
        names = Names(self._rows.values())
        return Query(text, names, self._figures.value, time.time(), self._archived)

    def _needs_logs(self, text: str) -> bool:
        try:
            return bool(self._understood(text).metrics)
        except QueryError:
            # Names of metrics stand in no configuration.
            return True

    def _read_log(self, row: RunRow) -> None:
        with contextlib.suppress(OSError):
            figures = read_figures(Path(row.path) / "log.jsonl")
            for metric, found in figures.items():
                self._figures.put(row, metric, found)
            last = {name: found.last for name, found in figures.items()}
            row.metrics = {name: value for name, value in last.items() if value is not None}
