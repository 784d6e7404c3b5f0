"""The recorded home with a registered model, the same at every time but for its folder's name.

MLflow draws ids for its runs and writes down the present time: both are fixed afterwards.
"""

import contextlib
import secrets
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.console.recorded_home import NOW, SHOWN_HOME, RecordedHome, make_recorded_home

MODEL: Final = "campus"
# At no time of another run's: which of two comes first would be left to chance.
_REGISTERED_MS: Final = round(1000 * (NOW - 24.5 * 3600))
_REGISTER: Final = f"""
import sys
from pathlib import Path
from training_core.contract.jobs import RegisterArguments
from training_core.publishing.jobs import register
for alias in ("challenger", "champion"):
    register(RegisterArguments(export=Path(sys.argv[1]), name="{MODEL}", alias=alias))
"""


@contextlib.contextmanager
def home_folder() -> Iterator[Path]:
    """A folder that does not exist yet, whose name is as long as `SHOWN_HOME`.

    Lines break at the same places wherever it lies, so that the one can stand for the other.
    """
    path = Path("/tmp") / f"hd-{secrets.token_hex(3)[:5]}"
    assert len(str(path)) == len(SHOWN_HOME)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def make_registered_home(home: Path) -> RecordedHome:
    """Make the recorded home in a folder that `HEIMDALL_HOME` names already."""
    made = make_recorded_home(home)
    export = made.run("finished").exports / "campus"
    subprocess.run([sys.executable, "-c", _REGISTER, str(export)], check=True, cwd=home)
    _fix_runs(home)
    with contextlib.closing(sqlite3.connect(home / "mlflow.db")) as database, database:
        for table in ("registered_models", "model_versions"):
            times = "creation_time = :t, last_updated_time = :t"
            database.execute(f"UPDATE {table} SET {times}", {"t": _REGISTERED_MS})
    return made


def _fix_runs(home: Path) -> None:
    """Give MLflow's runs the ids 0…01, 0…02, and so on, in its database and on the disk."""
    path = home / "mlflow.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        runs = [run for (run,) in database.execute("SELECT run_uuid FROM runs ORDER BY start_time")]
        statements = "\n".join(database.iterdump())
    path.unlink()
    fixed = {run: f"{number:032x}" for number, run in enumerate(runs, start=1)}
    for run, name in fixed.items():
        statements = statements.replace(run, name)
        (home / "artifacts" / "runs" / run).rename(home / "artifacts" / "runs" / name)
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.executescript(statements)
        for number, name in enumerate(fixed.values()):
            began = _REGISTERED_MS + 1000 * number
            database.execute(
                "UPDATE runs SET start_time = ?, end_time = ? WHERE run_uuid = ?",
                (began, began, name),
            )
