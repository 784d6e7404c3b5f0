"""A sweep in MLflow: one run above those of its trials, made by whoever comes first.

`python -m training_core.publishing.sweep_publication SWEEP_DIR` publishes how far it is.
"""

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Final

from training_core.contract.config_file import load_config
from training_core.contract.errors import HeimdallError
from training_core.contract.home import home_path
from training_core.contract.run_dir import RunInfo
from training_core.contract.sweep_dir import SweepDir, SweepInfo, SweepSummary, sweeps_folder
from training_core.contract.turns import alone
from training_core.publishing.metric_points import Point, safe_name
from training_core.publishing.mlflow_store import MlflowStore

SWEEP_TAG: Final = "heimdall.sweep_id"
_STATUS: Final = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0


def mlflow_parent(store: MlflowStore, info: RunInfo, home: Path) -> str:
    """MLflow's id of what a run belongs below: its sweep, else the run that it repeats; or "".

    Raises:
        TrackingError: The server refused or did not answer.
    """
    if info.sweep:
        directory = SweepDir(sweeps_folder(home) / info.sweep)
        try:
            sweep = directory.read_info()
        except HeimdallError:
            # It was removed: the run is published all the same.
            return ""
        return sweep_run(store, directory, sweep)
    return (store.find_run(info.parent) or "") if info.parent else ""


def sweep_run(store: MlflowStore, directory: SweepDir, info: SweepInfo) -> str:
    """MLflow's id of the run of a sweep, which is made where there is none.

    Raises:
        TrackingError: The server refused or did not answer.
        OSError: The directory is not writable.
    """
    # The publishers of its trials come at the same time, and creating is not idempotent.
    with alone(directory.tracking_lock_path):
        found = store.find_run(info.id, tag=SWEEP_TAG)
        return found or store.create_run(
            info.experiment,
            info.name,
            round(info.created * 1000),
            {SWEEP_TAG: info.id, "heimdall.sweep": info.name, "mlflow.source.type": "LOCAL"},
        )


def publish_sweep(store: MlflowStore, directory: SweepDir) -> None:
    """Publish how far a sweep is; again at any time, nothing is published twice.

    Raises:
        HeimdallError: The sweep is damaged, or the server refused or did not answer.
        OSError: The directory is not writable.
    """
    info, summary = directory.read_info(), directory.read_summary()
    mlflow_run_id = sweep_run(store, directory, info)
    store.log_params(mlflow_run_id, summary.space)
    store.set_tags(mlflow_run_id, _tags(summary))
    ended = sum(count for state, count in summary.trials.items() if state != "running")
    time_ms = round(summary.updated * 1000)
    if summary.best_value is not None:
        name = safe_name(summary.monitor, {})
        store.log_points(
            mlflow_run_id, [Point(name, summary.best_value, step=ended, time_ms=time_ms)]
        )
    for path in (directory.best_path, directory.space_path, directory.config_path):
        if path.is_file():
            store.log_file(mlflow_run_id, path)
    if summary.status in _STATUS:
        store.set_status(mlflow_run_id, _STATUS[summary.status], time_ms)
    else:
        store.set_status(mlflow_run_id, "RUNNING")


def _tags(summary: SweepSummary) -> dict[str, str]:
    counts = {f"heimdall.trials.{state}": str(count) for state, count in summary.trials.items()}
    best = {f"heimdall.best.{key}": str(value) for key, value in summary.best_params.items()}
    return {
        **counts,
        **best,
        "heimdall.status": summary.status,
        "heimdall.best_run": summary.best_run,
        "heimdall.best_trial": "" if summary.best_trial is None else str(summary.best_trial),
    }


def main(arguments: list[str]) -> int:
    """Publish a sweep, trying again while the server is down.

    Returns:
        0 when it is published, 1 when it gave up.
    """
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m training_core.publishing.sweep_publication SWEEP_DIR\n")
        return 2
    with contextlib.suppress(OSError):
        os.nice(19 - os.nice(0))
    directory = SweepDir(Path(arguments[0]).absolute())
    try:
        tracking = load_config(directory.config_path).tracking
        # One at a time: the last one tells the last state.
        with alone(directory.path / "publishing.lock"):
            deadline = time.monotonic() + 60.0 * tracking.give_up_after_minutes
            pause_s = _FIRST_PAUSE_S
            while True:
                try:
                    publish_sweep(MlflowStore.connect(tracking.uri, home_path()), directory)
                except HeimdallError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(pause_s)
                    pause_s = min(2.0 * pause_s, _LONGEST_PAUSE_S)
                else:
                    return 0
    except (HeimdallError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
