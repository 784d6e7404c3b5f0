"""Following a run to its end, and what Ctrl+C means meanwhile."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, Protocol

from heimdall_console.following.reading import Followed, LockedRun, follow
from heimdall_console.run_progress import RunProgress
from training_core.contract.errors import ExitCode
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import Record

STOPPING: Final = "stopping with a checkpoint; Ctrl+C again stops now"
STOPPING_NOW: Final = "stopping now"
KILLING: Final = "the worker does not answer, it is killed"
_GRACE_S: Final = 15.0


class Display(Protocol):
    """Something that shows a run; it is told everything and draws what it likes."""

    def show(self, records: list[Record], progress: RunProgress) -> None:
        """New records, already folded into the progress; often none."""

    def note(self, text: str) -> None:
        """A line from this side of the run."""

    def close(self) -> None:
        """Nothing more comes."""


class Stoppable(Followed, Protocol):
    """A worker that whoever follows it may end."""

    def request_stop(self) -> None:
        """Ask to stop: the first time with a checkpoint, the second time now."""

    def kill(self) -> None:
        """End it, and write its end."""


class Interruption:
    """Counts Ctrl+C; what it means is decided by `act`."""

    def __init__(self) -> None:
        self.count = 0

    def on_interrupt(self, number: int, frame: FrameType | None) -> None:
        """The handler: nothing is printed here, a signal may arrive inside a print."""
        self.count += 1

    def act(self) -> bool:
        """Obey what was pressed; True where following is over."""
        return self.count > 0


class StopWorker(Interruption):
    """Ctrl+C stops the worker: with a checkpoint, then now, then by force."""

    def __init__(self, worker: Stoppable, display: Display, *, has_checkpoints: bool) -> None:
        super().__init__()
        self._worker = worker
        self._display = display
        self._has_checkpoints = has_checkpoints
        self._told = 0
        self._deadline = float("inf")

    def act(self) -> bool:
        """Pass on what was pressed; following goes on until the worker has ended."""
        while self._told < self.count:
            self._told += 1
            graceful = self._told == 1 and self._has_checkpoints
            self._display.note(STOPPING if graceful else STOPPING_NOW)
            self._worker.request_stop()
            if not graceful:
                self._deadline = min(self._deadline, time.monotonic() + _GRACE_S)
            if self._told > 2:
                self._deadline = time.monotonic()
        if time.monotonic() >= self._deadline:
            self._deadline = float("inf")
            self._display.note(KILLING)
            self._worker.kill()
        return False

    @property
    def was_immediate(self) -> bool:
        """Whether the last request was to stop now."""
        return self.count > (1 if self._has_checkpoints else 0)


def follow_to_end(
    worker: Stoppable,
    display: Display,
    progress: RunProgress,
    *,
    offset: int = 0,
    has_checkpoints: bool = True,
) -> int:
    """Show a worker's records until it ends; returns the exit code. Ctrl+C stops the worker.

    Args:
        worker: What was started.
        display: Is told everything and closed at the end.
        progress: Is kept up to date.
        offset: Byte of the log to begin at.
        has_checkpoints: Whether the first Ctrl+C stops with a checkpoint; without, it stops now.

    Raises:
        HeimdallError: The worker is gone and wrote no end.
    """
    interruption = StopWorker(worker, display, has_checkpoints=has_checkpoints)
    with handling(interruption):
        _follow(worker, display, progress, offset, interruption)
    # A worker that ended by itself in the same moment was not interrupted.
    if interruption.was_immediate and progress.exit_code != ExitCode.DONE:
        return int(ExitCode.INTERRUPTED)
    return end_code(progress)


def follow_until_detached(
    run: RunDir,
    display: Display,
    progress: RunProgress,
    interruption: Interruption,
    *,
    offset: int,
) -> bool:
    """Show a run's records until it ends or Ctrl+C is pressed; the run is only read.

    Args:
        run: Whoever started its worker.
        display: Is told everything and closed at the end.
        progress: Is kept up to date.
        interruption: What counts Ctrl+C, see `handling`.
        offset: Byte of the log to begin at.

    Returns:
        Whether the end of the run was seen.

    Raises:
        HeimdallError: The worker is gone and wrote no end.
    """
    return _follow(LockedRun(run), display, progress, offset, interruption)


def end_code(progress: RunProgress) -> int:
    """The exit code of a run that has ended."""
    return int(ExitCode.FAILED) if progress.exit_code is None else progress.exit_code


def _follow(
    followed: Followed,
    display: Display,
    progress: RunProgress,
    offset: int,
    interruption: Interruption,
) -> bool:
    try:
        for records in follow(followed, offset):
            progress.take(records)
            display.show(records, progress)
            if interruption.act():
                return False
    finally:
        display.close()
    return True


@contextmanager
def handling(interruption: Interruption) -> Iterator[None]:
    """Let Ctrl+C be counted, meanwhile."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        # Somebody started this command so that Ctrl+C does not reach it.
        yield
        return
    signal.signal(signal.SIGINT, interruption.on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
