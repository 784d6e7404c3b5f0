"""The status of a run, derived from its log and its lock."""

from collections.abc import Callable
from enum import StrEnum

from training_core.contract.lock import is_locked
from training_core.contract.log_tail import read_tail
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import Record


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


def status_of(state: Record | None) -> str | None:
    """What a `state` record says; None without a record."""
    return None if state is None else str(state["status"])


def is_end(record: Record) -> bool:
    """Whether a record says that nothing more will come."""
    if record["kind"] != "state":
        return False
    try:
        return RunStatus(record.get("status", "")).has_ended
    except ValueError:
        return False


def is_making_results(record: Record) -> bool:
    """Whether a `state` record says that the training is over, and is evaluated and exported."""
    return record.get("status") == RunStatus.RUNNING and isinstance(record.get("summary"), dict)


def recorded_state(run: RunDir) -> str | None:
    """Status of the last `state` record of a run's log."""
    return status_of(read_tail(run.log_path, from_byte=0).state)


def run_status(run: RunDir) -> RunStatus:
    """Read a run's status from its files, at a cost that its log's length does not change.

    Not for the holder of the lock: looking drops it.
    """
    found = status_of(read_tail(run.log_path).state)
    if found is not None and (status := derive_status(found, locked=True)).has_ended:
        return status  # An end is an end, whoever holds the lock.
    return status_with_lock(run, lambda: recorded_state(run))


def status_with_lock(run: RunDir, read_state: Callable[[], str | None]) -> RunStatus:
    """The status of a run whose end is not known; the lock is looked at before the log.

    In the other order a run that ends in between would look crashed.

    Args:
        run: The run.
        read_state: Reads the status of its last `state` record.
    """
    locked = is_locked(run.lock_path)
    status = derive_status(read_state(), locked)
    if status is RunStatus.CRASHED and is_locked(run.lock_path):
        # It took the lock between the two looks: it has just begun.
        return derive_status(read_state(), locked=True)
    return status
