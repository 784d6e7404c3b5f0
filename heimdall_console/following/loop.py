"""Following one worker to its end, with Ctrl+C as a request to stop."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, Protocol

from heimdall_console.launcher import Worker, follow
from heimdall_console.run_progress import RunProgress
from training_core.contract.errors import ExitCode

Record = dict[str, Any]

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


class Interruption:
    """Counts Ctrl+C and passes it on to a worker."""

    def __init__(self, worker: Worker, display: Display, *, has_checkpoints: bool) -> None:
        self.count = 0
        self._worker = worker
        self._display = display
        self._has_checkpoints = has_checkpoints
        self._deadline = float("inf")

    def on_interrupt(self, number: int, frame: FrameType | None) -> None:
        """The handler: nothing is printed here, a signal may arrive inside a print."""
        self.count += 1

    def act(self, told: int) -> int:
        """Obey what was pressed since `told` times; returns the new count."""
        while told < self.count:
            told += 1
            graceful = told == 1 and self._has_checkpoints
            self._display.note(STOPPING if graceful else STOPPING_NOW)
            self._worker.request_stop()
            if not graceful:
                self._deadline = min(self._deadline, time.monotonic() + _GRACE_S)
            if told > 2:
                self._deadline = time.monotonic()
        if time.monotonic() >= self._deadline:
            self._deadline = float("inf")
            self._display.note(KILLING)
            self._worker.kill()
        return told

    @property
    def was_immediate(self) -> bool:
        """Whether the last request was to stop now."""
        return self.count > (1 if self._has_checkpoints else 0)


def follow_to_end(
    worker: Worker,
    display: Display,
    progress: RunProgress,
    *,
    offset: int = 0,
    has_checkpoints: bool = True,
) -> int:
    """Show a worker's records until it ends; returns the exit code.

    Args:
        worker: What was started.
        display: Is told everything and closed at the end.
        progress: Is kept up to date.
        offset: Byte of the log to begin at.
        has_checkpoints: Whether the first Ctrl+C stops with a checkpoint; without, it stops now.

    Raises:
        HeimdallError: The worker is gone and wrote no end.
    """
    interruption = Interruption(worker, display, has_checkpoints=has_checkpoints)
    told = 0
    try:
        with _handling(interruption):
            for records in follow(worker, offset):
                progress.take(records)
                display.show(records, progress)
                told = interruption.act(told)
    finally:
        display.close()
    # A worker that ended by itself in the same moment was not interrupted.
    if interruption.was_immediate and progress.exit_code != ExitCode.DONE:
        return int(ExitCode.INTERRUPTED)
    return int(ExitCode.FAILED) if progress.exit_code is None else progress.exit_code


@contextmanager
def _handling(interruption: Interruption) -> Iterator[None]:
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
