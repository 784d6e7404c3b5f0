"""The status of a run, derived from its log and its lock."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from training_core.contract.lock import is_locked
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogReader


class RunStatus(StrEnum):
    """Every status; `crashed` is derived, never written."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    KILLED = "killed"
    CRASHED = "crashed"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self not in (self.QUEUED, self.STARTING, self.RUNNING, self.PAUSED)


def derive_status(last_state: str | None, locked: bool) -> RunStatus:
    """The status that a reader shows.

    Args:
        last_state: Status of the last `state` record, None where there is none.
        locked: Whether a worker holds the run's lock.
    """
    if last_state is None:
        return RunStatus.STARTING if locked else RunStatus.QUEUED
    try:
        status = RunStatus(last_state)
    except ValueError:
        # A newer schema may know more states: alive or not is all we can tell.
        return RunStatus.RUNNING if locked else RunStatus.CRASHED
    if status.has_ended or status is RunStatus.QUEUED or locked:
        return status
    return RunStatus.CRASHED


def last_state(records: Iterable[Mapping[str, Any]]) -> str | None:
    """Status of the last `state` record."""
    found = None
    for record in records:
        if record["kind"] == "state" and isinstance(record.get("status"), str):
            found = record["status"]
    return found


def recorded_state(run: RunDir) -> str | None:
    """Status of the last `state` record of a run's log."""
    reader, state = RunLogReader(run.log_path), None
    while records := reader.read_new():
        state = last_state(records) or state
    return state


def run_status(run: RunDir) -> RunStatus:
    """Read a run's status from its files; the lock is looked at before the log.

    In the other order a run that ends in between would look crashed. Not for the holder of
    the lock: looking drops it.
    """
    locked = is_locked(run.lock_path)
    state = recorded_state(run)
    status = derive_status(state, locked)
    if status is RunStatus.CRASHED and is_locked(run.lock_path):
        # It took the lock between the two looks: it has just begun.
        return derive_status(state, locked=True)
    return status
