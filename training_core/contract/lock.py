"""Who is alive: a POSIX record lock that its holder's death releases."""

import fcntl
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from training_core.contract.errors import UsageError

_LOOK_S = 0.3


class WorkerLock:
    """The lock of one run or job, held until `release` or the end of the process.

    `fcntl.lockf` is used because forked data loaders and ranks do not inherit it. Closing
    any descriptor of the file drops a POSIX lock: within one process the file is opened
    here and nowhere else.
    """

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            UsageError: Another process holds it.
        """
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._take()
        except (BlockingIOError, PermissionError) as error:
            os.close(self._descriptor)
            raise UsageError(
                f"{path.parent.name} was not started",
                why="Another worker is running it",
                unharmed="That worker goes on",
                action="Wait for its end, or stop it",
            ) from error
        holder = {"pid": os.getpid(), "started": time.time(), "host": socket.gethostname()}
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, orjson.dumps(holder), 0)

    def _take(self) -> None:
        # Somebody who only looks, see `is_locked`, holds the lock for an instant.
        deadline = time.monotonic() + _LOOK_S
        while True:
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return

    def release(self) -> None:
        """Give the lock up."""
        os.close(self._descriptor)


def is_locked(path: Path) -> bool:
    """Whether some other living process holds the lock at `path`.

    A shared lock is tried, so that two who look do not take each other for a worker.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return True
    else:
        return False
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Holder:
    """Who wrote itself into a lock file, dead or alive."""

    pid: int
    host: str


def read_holder(path: Path) -> Holder | None:
    """The process that wrote itself into the lock file; None where that is unreadable."""
    try:
        holder: Any = orjson.loads(path.read_bytes())
        return Holder(int(holder["pid"]), str(holder["host"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
