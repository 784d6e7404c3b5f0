"""Ending a run from outside: signals to its worker, and the last word for one that is dead."""

import os
import signal
import time

from training_core.contract.errors import ExitCode, HeimdallError, UsageError
from training_core.contract.lock import WorkerLock, is_locked, lock_holder, read_holder
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogWriter
from training_core.contract.run_status import RunStatus, derive_status, recorded_state

_DEATH_S = 10.0
_WITHOUT_END = (RunStatus.CRASHED, RunStatus.QUEUED)


def worker_pid(run: RunDir) -> int | None:
    """The process that holds a run's lock on this machine; None where nobody does.

    Raises:
        HeimdallError: The holder lives on another machine.
    """
    pid = lock_holder(run.lock_path)
    # 1 is the first process of a container, and as a group it stands for everything.
    if pid is None or pid > 1:
        return pid
    holder = read_holder(run.lock_path)
    host = holder.host if holder else "another machine"
    raise HeimdallError(
        f"The worker of {run.id} cannot be signaled from here",
        why=f"It runs on {host}",
        unharmed="It goes on",
        action=f"Log in there, or send it a command: `heimdall-console runs stop {run.id}`",
    )


def kill_worker(run: RunDir, reason: str) -> bool:
    """End a run's whole process group now, and write the end that it can no longer write.

    Returns:
        Whether there was a worker.

    Raises:
        HeimdallError: It lives on another machine, belongs to somebody else, or does not die.
    """
    pid = worker_pid(run)
    if pid is None:
        return False
    try:
        if os.getpgid(pid) == pid:
            # The worker leads a group of its own: its ranks and data loaders are in it.
            os.killpg(pid, signal.SIGKILL)
        else:
            # It was started some other way, in somebody else's group.
            os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # It died by itself meanwhile.
    except PermissionError as error:
        raise HeimdallError(
            f"The worker of {run.id} was not killed",
            why="It belongs to another user",
            unharmed="It goes on",
        ) from error
    deadline = time.monotonic() + _DEATH_S
    while is_locked(run.lock_path):
        if time.monotonic() > deadline:
            raise HeimdallError(
                f"The worker of {run.id} does not die",
                why="It hangs in the kernel, most often in a driver or a network file system",
                unharmed="Checkpoints that were announced are whole",
                action="Look at it with ps; only the system can end it",
            )
        time.sleep(0.02)
    write_end(run, RunStatus.KILLED, reason, ExitCode.INTERRUPTED)
    return True


def write_end(run: RunDir, status: RunStatus, reason: str, exit_code: ExitCode) -> bool:
    """Write the last state for a worker that is dead or was never born.

    Returns:
        False where a worker is alive or has written an end: it stays as it is.
    """
    try:
        lock = WorkerLock(run.lock_path)
    except UsageError:
        return False
    try:
        if derive_status(recorded_state(run), locked=False) not in _WITHOUT_END:
            return False
        with RunLogWriter(run.log_path) as log:
            log.append("state", status=status.value, reason=reason, exit_code=int(exit_code))
    finally:
        lock.release()
    return True
