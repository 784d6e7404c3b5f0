"""Runs of an SQLite database of MLflow, read without MLflow: its client takes ten times as long."""

import math
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from training_core.contract.errors import TrackingError
from training_core.publishing.tracking_reader_rows import Row, make_row

_FIRST_PAGE, _PAGE = 200, 500
_BUSY_S: Final = 3.0
_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_RUNS: Final = """
    SELECT r.run_uuid, r.name, e.name, r.status, r.start_time, r.end_time, r.user_id
    FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id
    WHERE r.lifecycle_stage = 'active' AND e.lifecycle_stage = 'active'
    ORDER BY r.start_time DESC, r.run_uuid
"""
_ALIVE: Final = ("RUNNING", "SCHEDULED")

Seen = tuple[Any, ...]


class OtherSchemaError(Exception):
    """The database is not one whose tables are known here: ask MLflow's client instead."""


class DatabaseRuns:
    """The runs of one database file; every look is read-only and migrates nothing.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._version: int | None = None
        self._known: dict[Any, Seen] = {}

    def pages(self) -> Iterator[list[Row]]:
        """Every run, the newest first; the first page is small.

        Raises:
            OtherSchemaError: The tables are not as expected.
            TrackingError: Another program holds the database for longer than people wait.
        """
        with self._lock:
            if not self._path.exists():
                return
            self._version = self._data_version()
            listed = self._runs()
            self._known = {run[0]: run for run in listed}
        begin, size = 0, _FIRST_PAGE
        while begin < len(listed):
            with self._lock:
                rows = self._rows(listed[begin : begin + size])
            yield rows
            begin, size = begin + size, _PAGE

    def changes(self) -> tuple[list[Row], list[str]]:
        """Runs that are new, changed or alive since the last look, and ids of those gone.

        Raises:
            OtherSchemaError: The tables are not as expected.
            TrackingError: Another program holds the database for longer than people wait.
        """
        with self._lock:
            if not self._path.exists():
                return [], []
            version = self._data_version()
            if version == self._version:
                return [], []
            self._version = version
            listed = self._runs()
            known, self._known = self._known, {run[0]: run for run in listed}
            changed = [run for run in listed if run[3] in _ALIVE or known.get(run[0]) != run]
            rows: list[Row] = []
            for begin in range(0, len(changed), _PAGE):
                rows += self._rows(changed[begin : begin + _PAGE])
        return rows, [str(run_id) for run_id in known if run_id not in self._known]

    def points(self, run_id: str, key: str) -> list[Seen]:
        """One metric of a run, by step: step, milliseconds since 1970, value.

        SQLite takes any type in any column: each of the three may be something else.

        Raises:
            OtherSchemaError: The tables are not as expected.
            TrackingError: Another program holds the database for longer than people wait.
        """
        with self._lock:
            found = self._query(
                "SELECT step, timestamp, value, is_nan FROM metrics WHERE run_uuid = ? AND key = ?"
                " ORDER BY step, timestamp",
                (run_id, key),
            )
        return [(s, t, math.nan if is_nan else v) for s, t, v, is_nan in found]

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _runs(self) -> list[Seen]:
        return self._query(_RUNS, ())

    def _rows(self, runs: Sequence[Seen]) -> list[Row]:
        ids = [run[0] for run in runs]
        found: dict[str, dict[Any, dict[Any, Any]]] = {}
        for table in ("params", "tags"):
            of_runs = found[table] = {run_id: {} for run_id in ids}
            for run_id, key, value in self._of_runs(f"run_uuid, key, value FROM {table}", ids):
                of_runs[run_id][key] = value
        metrics = found["metrics"] = {run_id: {} for run_id in ids}
        for run_id, key, value, is_nan in self._of_runs(
            "run_uuid, key, value, is_nan FROM latest_metrics", ids
        ):
            metrics[run_id][key] = math.nan if is_nan else value
        return [
            make_row(*run, **{what: of_runs[run[0]] for what, of_runs in found.items()})
            for run in runs
        ]

    def _of_runs(self, what: str, ids: list[str]) -> list[Seen]:
        marks = ",".join("?" * len(ids))
        return self._query(f"SELECT {what} WHERE run_uuid IN ({marks})", ids)

    def _data_version(self) -> int:
        version: int = self._query("PRAGMA data_version", ())[0][0]
        return version

    def _query(self, sql: str, arguments: Sequence[Any]) -> list[Seen]:
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(
                    f"file:{quote(str(self._path))}?mode=ro",
                    uri=True,
                    timeout=_BUSY_S,
                    check_same_thread=False,
                )
            return self._connection.execute(sql, arguments).fetchall()
        except sqlite3.Error as error:
            connection = self._connection
            if "decode to UTF-8" in str(error) and connection and connection.text_factory is str:
                # One text that is none would end the look at all; this way is a third slower.
                connection.text_factory = lambda text: text.decode(errors="replace")
                return self._query(sql, arguments)
            if getattr(error, "sqlite_errorcode", None) in _BUSY:
                raise TrackingError(
                    f"The database {self._path} was not read",
                    why="Another program holds it",
                    action="It is tried again by itself",
                ) from error
            raise OtherSchemaError(str(error)) from error
