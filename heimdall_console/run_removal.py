"""Removing whole runs from the disk."""

import contextlib
import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from heimdall_console.checkpoint_reference import checkpoint_directory
from heimdall_console.checkpoint_trash import list_trash, trash_of
from heimdall_console.publishing_state import PublishingState, read_publishing
from heimdall_console.queue import waiting
from training_core.contract.checkpoint_use import needed_checkpoints
from training_core.contract.checkpoints import checkpoint_folder, own_checkpoints, sidecar_path
from training_core.contract.errors import HeimdallError, UsageError
from training_core.contract.lock import WorkerLock, is_locked, lock_holder
from training_core.contract.run_dir import RunDir
from training_core.contract.run_status import RunStatus, run_status


@dataclass(frozen=True)
class Removal:
    """What removing one run would take away."""

    run: RunDir
    name: str
    status: RunStatus
    size_bytes: int
    """Of its directory and of checkpoints that it keeps elsewhere."""
    publishing: PublishingState

    @property
    def is_owing(self) -> bool:
        """Whether something of it is not published that was to be."""
        return self.run.has_publisher and self.publishing.is_owing


def plan_removal(run: RunDir, home: Path) -> Removal:
    """Look at a run that is to be removed.

    Raises:
        UsageError: Its worker lives, it waits for its turn, or another run needs it.
    """
    status = run_status(run)
    is_queued = any(entry.run_id == run.id for entry in waiting(home))
    if is_locked(run.lock_path) or is_queued:
        raise UsageError(
            f"The run {run.id} was not removed",
            why="It waits for its turn" if is_queued else f"It is {status.value}",
            unharmed="Nothing was removed",
            action=f"End it first: `heimdall-console runs stop {run.id}`",
        )
    folder = checkpoint_folder(run, checkpoint_directory(run)).resolve()
    if any(path.is_relative_to(folder) for path in needed_checkpoints(home, run.id)):
        raise UsageError(
            f"The run {run.id} was not removed",
            why="Another run is going to start from one of its checkpoints",
            unharmed="Nothing was removed",
            action="Let that run begin, or remove it first",
        )
    name = ""
    with contextlib.suppress(HeimdallError):
        name = run.read_info().name
    size_bytes = sum(_file_size(path) for path in run.path.rglob("*"))
    size_bytes += sum(_file_size(path) for path in _checkpoints_elsewhere(run))
    return Removal(run, name, status, size_bytes, read_publishing(run))


def remove_run(run: RunDir) -> None:
    """Remove a run; it vanishes from every list at once, then its files go.

    Raises:
        UsageError: A worker took it meanwhile.
        HeimdallError: The directory cannot be changed.
    """
    elsewhere, trash = _checkpoints_elsewhere(run), trash_of(run)
    hidden = run.path.with_name(f".{run.id}.removed")
    lock = WorkerLock(run.lock_path)
    try:
        _end_publisher(run)
        os.rename(run.path, hidden)
    except OSError as error:
        raise HeimdallError(
            f"The run {run.id} was not removed",
            why=error.strerror or str(error),
            unharmed="It is as it was",
            action="Make the home writable",
        ) from error
    finally:
        lock.release()
    for path in elsewhere:
        path.unlink(missing_ok=True)
    if elsewhere:
        shutil.rmtree(trash, ignore_errors=True)
        with contextlib.suppress(OSError):
            trash.parent.rmdir()
    try:
        shutil.rmtree(hidden)
    except OSError as error:
        raise HeimdallError(
            f"Some files of {run.id} are left",
            why=error.strerror or str(error),
            unharmed="Other runs are as they were",
            action=f"Remove {hidden}",
        ) from error


def _end_publisher(run: RunDir) -> None:
    """A publisher of a run that is gone would only fail for a while."""
    pid = lock_holder(run.publisher_lock_path)
    if pid is not None and pid > 1:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGTERM)


def _checkpoints_elsewhere(run: RunDir) -> list[Path]:
    """Own checkpoints outside the run's directory, with their sidecars."""
    configured = checkpoint_directory(run)
    folder = checkpoint_folder(run, configured)
    if folder.is_relative_to(run.path):
        return []
    paths = [folder / sidecar.file for sidecar in own_checkpoints(run, configured)]
    paths += [path for pruned in list_trash(run) for path in pruned.files]
    return [file for path in paths for file in (path, sidecar_path(path))]


def _file_size(path: Path) -> int:
    try:
        return 0 if path.is_symlink() or path.is_dir() else path.stat().st_size
    except OSError:
        return 0
