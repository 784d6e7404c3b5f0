"""Who is alive: a POSIX record lock that its holder's death releases."""

import fcntl
import os
import socket
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from training_core.contract.errors import HeimdallError, UsageError
from training_core.contract.files import open_regular, read_regular

_LOOK_S = 0.3
_FLOCK = "hhqqi"
"""`struct flock` of 64-bit Linux: type, whence, start, length, process."""


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
            HeimdallError: Something that is no file lies in its place.
            OSError: The directory is not writable.
        """
        if path.exists() and not path.is_file():
            raise HeimdallError(
                f"{path.parent.name} cannot be locked",
                why=f"{path} is not a file",
                unharmed="Nothing was started or changed",
                action="Remove what lies there",
            )
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

    Not for its holder: POSIX drops a lock when its process closes the file.
    """
    return lock_holder(path) is not None


def lock_holder(path: Path) -> int | None:
    """The process that holds the lock at `path`, as the kernel says; None where nobody does.

    0 or less stands for a process of another machine or container. Nothing is locked for the
    look, so that those who look disturb neither the holder nor one another.
    """
    try:
        descriptor = open_regular(path)
    except OSError:
        return None
    try:
        # A reader's lock is asked for: only a writer's, which a worker's is, stands against it.
        asked = struct.pack(_FLOCK, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return None if kind == fcntl.F_UNLCK else int(pid)


@dataclass(frozen=True)
class Holder:
    """Who wrote itself into a lock file, dead or alive."""

    pid: int
    host: str


def read_holder(path: Path) -> Holder | None:
    """The process that wrote itself into the lock file; None where that is unreadable."""
    try:
        holder: Any = orjson.loads(read_regular(path))
        return Holder(int(holder["pid"]), str(holder["host"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
