"""One at a time: who reads a file, changes it and writes it again keeps the others out."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the file of a lock while something is read, changed and written; wait for it.

    It keeps out other threads of this process, too, which a `WorkerLock` does not.

    Raises:
        OSError: The file cannot be made.
    """
    # Without O_NONBLOCK a pipe in its place would block for ever.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
