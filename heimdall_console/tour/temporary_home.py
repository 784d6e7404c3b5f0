"""The home of a tour: temporary, known by its lock, removed with every process that works in it."""

import contextlib
import os
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from training_core.contract.lock import WorkerLock, is_locked, lock_holder

_PREFIX: Final = "heimdall-tour-"
_LOCK: Final = "tour.lock"
_LEAVING_S: Final = 3.0
_LOOK_S: Final = 0.05


@contextlib.contextmanager
def temporary_home() -> Iterator[Path]:
    """A home of one's own, removed in the end; those that a killed tour left go first."""
    remove_dead_homes()
    home = Path(tempfile.mkdtemp(prefix=_PREFIX))
    lock = WorkerLock(home / _LOCK)
    try:
        yield home
    finally:
        end_processes(home)
        lock.release()
        shutil.rmtree(home, ignore_errors=True)


def remove_dead_homes() -> None:
    """Remove the homes of tours that are over: ours, of this prefix, with a lock nobody holds."""
    for home in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        lock = home / _LOCK
        if _is_our_folder(home) and lock.is_file() and not is_locked(lock):
            end_processes(home)
            shutil.rmtree(home, ignore_errors=True)


def end_processes(home: Path) -> None:
    """End workers, publishers and schedulers of a home, at first politely."""
    deadline = time.monotonic() + _LEAVING_S
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in _holders(home):
            with contextlib.suppress(OSError):
                os.kill(pid, number)
        while _holders(home) and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
        deadline = time.monotonic() + _LEAVING_S


def _holders(home: Path) -> set[int]:
    """Every process of this machine that holds a lock below a home, but for this one."""
    found = {lock_holder(path) for path in home.rglob("*.lock") if path.name != _LOCK}
    return {pid for pid in found if pid is not None and pid > 1 and pid != os.getpid()}


def _is_our_folder(path: Path) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
