"""An embedded MLflow database with the tables that the list of runs needs, made without MLflow."""

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

_TABLES = """
CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name TEXT, lifecycle_stage TEXT);
CREATE TABLE runs (run_uuid TEXT PRIMARY KEY, name TEXT, user_id TEXT, status TEXT,
    start_time INTEGER, end_time INTEGER, lifecycle_stage TEXT, experiment_id INTEGER);
CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);
CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT);
CREATE TABLE latest_metrics (key TEXT, value FLOAT, timestamp INTEGER, step INTEGER,
    is_nan BOOLEAN, run_uuid TEXT);
CREATE TABLE metrics (key TEXT, value FLOAT, timestamp INTEGER, step INTEGER, is_nan BOOLEAN,
    run_uuid TEXT);
INSERT INTO experiments VALUES (1, 'others', 'active');
"""


def make_database(home: Path) -> Path:
    """An empty database."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = home / "mlflow.db"
    with sqlite3.connect(path) as database:
        database.executescript(_TABLES)
    database.close()
    return path


def add_run(
    path: Path,
    run_id: str,
    name: str,
    start_s: float,
    *,
    status: str = "FINISHED",
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
    metrics: Mapping[str, Iterable[float]] | None = None,
) -> None:
    """A run with whole histories; times are seconds since 1970."""
    start_ms = int(1000 * start_s)
    with sqlite3.connect(path) as database:
        database.execute(
            "INSERT INTO runs VALUES (?, ?, 'ada', ?, ?, ?, 'active', 1)",
            (run_id, name, status, start_ms, start_ms + 60_000),
        )
        for table, pairs in (("params", params or {}), ("tags", tags or {})):
            rows = [(key, value, run_id) for key, value in pairs.items()]
            database.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)
        for key, values in (metrics or {}).items():
            points = [(key, value, start_ms, step, 0, run_id) for step, value in enumerate(values)]
            database.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", points)
            database.execute("INSERT INTO latest_metrics VALUES (?, ?, ?, ?, ?, ?)", points[-1])
    database.close()


def change(path: Path, sql: str, *values: object) -> None:
    """One statement."""
    with sqlite3.connect(path) as database:
        database.execute(sql, values)
    database.close()
