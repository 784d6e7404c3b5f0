"""Starting, cancelling and repeating jobs."""

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Final

from heimdall_console.launcher import start_worker
from training_core.contract.ending import kill_worker, worker_pid, write_end
from training_core.contract.errors import ExitCode, HeimdallError, UsageError
from training_core.contract.jobs import ARGUMENTS, JobArguments, JobDir, create_job
from training_core.contract.run_status import RunStatus, run_status

GRACE_S: Final = 5.0
"""How long a cancelled job may take to stop by itself."""
_POLL_S: Final = 0.05
_REASON: Final = "cancelled on request"


def start_job(home: Path, kind: str, arguments: JobArguments) -> JobDir:
    """Make a job and start its worker, which outlives this process.

    Raises:
        HeimdallError: The home is not writable, or the process could not be started.
    """
    job = create_job(home, kind, arguments)
    start_worker(job)
    return job


def cancel_job(path: Path, grace_s: float = GRACE_S) -> RunStatus:
    """End a job: it is asked first, and killed where it does not stop in time.

    Args:
        path: Its directory.
        grace_s: How long it may take to stop by itself.

    Returns:
        How it ended; one that ended by itself meanwhile keeps its own end.

    Raises:
        UsageError: It has ended before.
        HeimdallError: It lives on another machine, belongs to somebody else, or does not die.
    """
    job = JobDir(path)
    if (before := run_status(job)).has_ended:
        raise UsageError(
            f"The job {job.id} was not cancelled",
            why=f"It is {before.value}",
            unharmed="Nothing was changed",
        )
    deadline = time.monotonic() + grace_s
    asked: set[int] = set()
    while time.monotonic() < deadline:
        pid = worker_pid(job)
        if pid is not None and pid not in asked:
            asked.add(pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        if (status := run_status(job)).has_ended:
            return status
        time.sleep(_POLL_S)
    if not kill_worker(job, _REASON):
        # Nobody ever began it.
        write_end(job, RunStatus.KILLED, _REASON, ExitCode.INTERRUPTED)
    return run_status(job)


def retry_job(home: Path, path: Path) -> JobDir:
    """Do a job again, as a new one with the same arguments.

    Raises:
        HeimdallError: Its job.json is damaged, or the new one could not be started.
    """
    try:
        kind, arguments = JobDir(path).read_job()
        if kind not in ARGUMENTS:
            raise ValueError(kind)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HeimdallError(
            f"The job {path.name} was not started again",
            why="Its job.json is missing or damaged",
            unharmed="Nothing was changed",
            action="Start it from its own screen",
        ) from error
    return start_job(home, kind, arguments)
