"""What a training is doing right now, in numbers that another thread may read."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Progress:
    """One look at an `Activity`.

    Times are of the training clock, which stands still outside the training, in validations
    and in pauses.
    """

    clock_s: float
    """The training clock."""
    is_running: bool
    """Whether it runs now."""
    batches: int
    """Training batches that have ended."""
    ended_s: float
    """When the last of them did, or the training began."""
    waited_s: float
    """How long the training has waited for data, in all."""
    doing: Literal["data", "step", "checkpoint"]
    """What it is at: waiting for data, a step, saving a checkpoint."""


class Activity:
    """Counters that the training writes at every batch and the hardware sampler reads.

    One thread writes. What belongs together is one tuple that is replaced whole, so that
    readers need no lock.
    """

    checkpoint_folder: Path | None = None
    """Where checkpoints are saved, once that is known."""
    checkpoint_bytes: int = 0
    """What one takes, roughly; 0 where that is not known yet."""

    def __init__(self) -> None:
        # Batches, and when the last one ended.
        self._ended: tuple[int, float] = (0, 0.0)
        # Seconds of finished waits, and when the present one began.
        self._wait: tuple[float, float | None] = (0.0, None)
        # Seconds that the training clock has stood still, and since when it does.
        self._still: tuple[float, float | None] = (0.0, time.perf_counter())
        self._depth = 1
        self._is_saving = False

    def begin(self) -> None:
        """The training begins: the clock runs, and the first batch is waited for."""
        self._depth = 1
        self._leave()
        clock = time.perf_counter() - self._still[0]
        self._ended = (self._ended[0], clock)
        self._wait = (self._wait[0], clock)

    def end(self) -> None:
        """The training is over, however it ended: no batch is expected any more."""
        if self._still[1] is None:
            self._enter()
        self._depth = 1

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """Within it no batch is expected: a pause, a validation."""
        self.suspend()
        try:
            yield
        finally:
            self.go_on()

    def suspend(self) -> None:
        """No batch is expected until as many calls of `go_on`."""
        if self._depth == 0:
            self._enter()
        self._depth += 1

    def go_on(self) -> None:
        """The end of what `suspend` began."""
        if self._depth == 1:
            self._leave()
        self._depth = max(0, self._depth - 1)

    def batch_began(self) -> None:
        """A training batch is there."""
        waited_s, since_s = self._wait
        if since_s is not None:
            self._wait = (waited_s + time.perf_counter() - self._still[0] - since_s, None)

    def checkpoint_began(self) -> None:
        """A checkpoint is being saved, between two batches."""
        self._is_saving = True

    def batch_ended(self) -> None:
        """A training batch is done; the next one is waited for."""
        clock = time.perf_counter() - self._still[0]
        self._ended = (self._ended[0] + 1, clock)
        self._wait = (self._wait[0], clock)

    def other_work_ended(self) -> None:
        """What was done since the end of the batch was no wait for data."""
        self._is_saving = False
        waited_s, since_s = self._wait
        if since_s is not None:
            self._wait = (waited_s, self._clock())

    def progress(self) -> Progress:
        """How far it is; for other threads."""
        clock = self._clock()
        waited_s, wait_since = self._wait
        batches, ended_s = self._ended
        if wait_since is not None:
            waited_s += max(0.0, clock - wait_since)
        return Progress(
            clock_s=clock,
            is_running=self._still[1] is None,
            batches=batches,
            ended_s=ended_s,
            waited_s=waited_s,
            doing="checkpoint" if self._is_saving else "step" if wait_since is None else "data",
        )

    def _clock(self) -> float:
        still_s, since = self._still
        return (time.perf_counter() if since is None else since) - still_s

    def _enter(self) -> None:
        self._still = (self._still[0], time.perf_counter())

    def _leave(self) -> None:
        still_s, since = self._still
        if since is not None:
            self._still = (still_s + time.perf_counter() - since, None)
        self._depth = 0
