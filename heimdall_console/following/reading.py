"""The records of a run or job up to its end, read from its directory."""

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from training_core.contract.errors import HeimdallError
from training_core.contract.files import open_regular
from training_core.contract.lock import is_locked
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import Record, RunLogReader
from training_core.contract.run_status import derive_status, is_end, recorded_state, run_status

Item = TypeVar("Item")

_POLL_S = 0.1
# Whoever kills a worker writes its end a moment later.
_LAST_WORDS_S = 1.0
_OUTPUT_LINES = 12


class Followed(Protocol):
    """Something that writes a log until it ends."""

    @property
    def directory(self) -> RunDir:
        """Where the log lies."""

    @property
    def is_alive(self) -> bool:
        """Whether more may come."""

    def wait(self, timeout_s: float) -> None:
        """Let it leave; not longer than the time given."""


class LockedRun:
    """A run whose worker anybody may have started: it lives while its lock is held.

    One that has not begun yet counts as alive, too.
    """

    def __init__(self, directory: RunDir) -> None:
        self._directory = directory
        self._has_begun = False

    @property
    def directory(self) -> RunDir:
        """The run's directory."""
        return self._directory

    @property
    def is_alive(self) -> bool:
        """Whether a worker holds the lock, or none has taken it yet."""
        if is_locked(self.directory.lock_path):
            self._has_begun = True
            return True
        return not self._has_begun and not run_status(self.directory).has_ended

    def wait(self, timeout_s: float) -> None:
        """Wait until the lock is free."""
        deadline = time.monotonic() + timeout_s
        while is_locked(self.directory.lock_path) and time.monotonic() < deadline:
            time.sleep(0.02)


def follow(followed: Followed, offset: int = 0) -> Iterator[list[Record]]:
    """What is written, up to the end: a list ten times a second, often an empty one.

    Args:
        followed: A worker that was started here, or a run.
        offset: Byte of the log to begin at; for a resumed run, its length before.

    Raises:
        HeimdallError: The worker is gone and wrote no end.
    """
    reader, died_s = RunLogReader(followed.directory.log_path, offset), None
    while True:
        # The other way round, a worker that ends in between would look crashed.
        alive = followed.is_alive
        records = reader.read_new()
        yield records
        if any(is_end(record) for record in records):
            followed.wait(5.0)
            return
        if alive or records:
            died_s = None
        elif derive_status(recorded_state(followed.directory), locked=True).has_ended:
            return
        elif died_s is None:
            died_s = time.monotonic()
        elif time.monotonic() - died_s > _LAST_WORDS_S:
            raise crash_error(followed.directory)
        time.sleep(_POLL_S)


def tail(
    read_new: Callable[[], list[Item]], followed: Followed | None, last: int | None = None
) -> Iterator[Item]:
    """What a reader has now, and what comes until the end of what it reads from.

    Args:
        read_new: What is new; an empty list where nothing is.
        followed: Whose end ends it; None for what is there now.
        last: Only so many of those that are there now; all when None.
    """
    if last is None:
        while items := read_new():
            yield from items
    else:
        kept: deque[Item] = deque(maxlen=last)
        while items := read_new():
            kept.extend(items)
        yield from kept
    while followed is not None:
        # The other way round, the last words of a worker that ends in between would be lost.
        alive = followed.is_alive
        while items := read_new():
            yield from items
        if not alive:
            return
        time.sleep(_POLL_S)


def crash_error(directory: RunDir) -> HeimdallError:
    """The error for a worker that ended without saying why."""
    lines: list[str] = []
    with (
        contextlib.suppress(OSError),
        os.fdopen(open_regular(directory.output_path), "rb") as file,
    ):
        file.seek(max(0, directory.output_path.stat().st_size - 20_000))
        lines = file.read().decode("utf-8", "replace").rstrip().splitlines()[-_OUTPUT_LINES:]
    said = "\n".join(lines) if lines else "It printed nothing; the system may have ended it"
    return HeimdallError(
        "The worker ended without saying why",
        why=f"The last lines that it printed:\n{said}",
        unharmed="Its log and every checkpoint announced in it are whole",
        action=f"Read {directory.output_path}",
    )
