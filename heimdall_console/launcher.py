"""Starting workers by name, and whoever tells of their end."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from heimdall_console.notifying import start_notifier
from training_core.contract.ending import write_end
from training_core.contract.errors import ExitCode, HeimdallError
from training_core.contract.lock import is_locked
from training_core.contract.processes import start_detached
from training_core.contract.run_dir import RunDir
from training_core.contract.run_status import RunStatus

WORKER: Final = "training_core.worker"
"""The module that does a run or job: `python -m training_core.worker DIRECTORY`."""


class Worker:
    """A worker process that was started here; it outlives this process."""

    def __init__(
        self,
        directory: RunDir,
        environment: Mapping[str, str] | None = None,
        working_folder: Path | None = None,
    ) -> None:
        """Start it: its own session, no input, its output appended to a file.

        Args:
            directory: Of the run or job.
            environment: Variables that differ from those of this process.
            working_folder: Where it looks for modules of one's own; here when None.

        Raises:
            HeimdallError: The process could not be started.
        """
        self.directory = directory
        try:
            self._process = start_detached(
                WORKER,
                directory.path,
                directory.output_path,
                environment=environment,
                folder=working_folder,
            )
        except OSError as error:
            raise HeimdallError(
                "The worker could not be started",
                why=error.strerror or str(error),
                unharmed=f"{directory.path} is made and can be used later",
                action="Free some memory or disk space and try again",
            ) from error

    @property
    def pid(self) -> int:
        """Of the process, which leads its own session and group."""
        return self._process.pid

    @property
    def has_left(self) -> bool:
        """Whether the process is gone, whatever became of the directory."""
        return self._process.poll() is not None

    @property
    def is_alive(self) -> bool:
        """Whether the process runs or some other process works on the directory."""
        return self._process.poll() is None or is_locked(self.directory.lock_path)

    def request_stop(self) -> None:
        """Ask to stop: the first time with a checkpoint, the second time now."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        """End the whole process group and write the end that it can no longer write."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self.wait(5.0)
        reason = "killed on request, it did not stop by itself"
        write_end(self.directory, RunStatus.KILLED, reason, ExitCode.INTERRUPTED)

    def wait(self, timeout_s: float) -> None:
        """Let the process leave; not longer than the time given."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)


def start_run(
    run: RunDir,
    environment: Mapping[str, str] | None = None,
    working_folder: Path | None = None,
) -> Worker:
    """Start the worker of a run, and the process that tells of its end where one is wanted.

    Args:
        run: A new run, or one whose `resume.json` says from where it goes on.
        environment: Variables that differ from those of this process.
        working_folder: Where the worker looks for modules of one's own; here when None.

    Raises:
        HeimdallError: The process could not be started.
    """
    worker = Worker(run, environment, working_folder)
    start_notifier(run, worker.pid)
    return worker


def start_worker(directory: RunDir) -> Worker:
    """Start a worker on the directory of a job."""
    return Worker(directory)
