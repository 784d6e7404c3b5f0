"""Detectors fed with the progress of a training: it stalls, or it waits for data."""

import statistics
from collections import deque
from typing import Final

from training_core.training.activity import Progress
from training_core.training.alerts import Alert

_STALLS: Final = {
    "data": (
        "The training waits for data",
        "See whether the loaders live and the disk with the data answers; data.num_workers = 0 "
        "does without loaders",
    ),
    "step": (
        "The training is inside a step",
        "See whether the device and the other ranks answer; output.log may say more",
    ),
    "checkpoint": (
        "A checkpoint is being saved",
        "See whether the disk with the checkpoints answers",
    ),
}


class StallDetector:
    """No batch for many times as long as one usually takes.

    Args:
        at_least_s: A shorter silence is never a stall.
        first_s: How long the first batch may take: it starts loaders and compiles.
        saving_s: How long a checkpoint may take.
    """

    _TIMES: Final = 10.0

    def __init__(
        self, at_least_s: float = 10.0, first_s: float = 600.0, saving_s: float = 120.0
    ) -> None:
        self._at_least_s = at_least_s
        self._first_s = first_s
        self._saving_s = saving_s
        self._durations: deque[float] = deque(maxlen=61)
        self._last: tuple[int, float] | None = None
        self._is_stalled = False

    def look(self, progress: Progress) -> Alert | None:
        """Judge how long ago the last batch ended."""
        last, self._last = self._last, (progress.batches, progress.ended_s)
        if last is not None and progress.batches > last[0]:
            silence_s = progress.ended_s - last[1]
            self._durations.append(silence_s / (progress.batches - last[0]))
            if self._is_stalled:
                self._is_stalled = False
                text = f"The training goes on after {silence_s:.0f} s without a batch"
                return Alert("stalled", text, cleared=True)
        silence_s = progress.clock_s - progress.ended_s
        is_quiet = progress.is_running and silence_s > self._limit_s(progress)
        if self._is_stalled or not is_quiet:
            return None
        self._is_stalled = True
        usual = (
            f"one usually takes {statistics.median(self._durations):.2g} s"
            if self._durations
            else "there has been none yet"
        )
        state, advice = _STALLS[progress.doing]
        return Alert("stalled", f"No batch for {silence_s:.0f} s; {usual}. {state}", advice)

    def _limit_s(self, progress: Progress) -> float:
        if not self._durations:
            return self._first_s
        limit_s = max(self._at_least_s, self._TIMES * statistics.median(self._durations))
        return max(limit_s, self._saving_s) if progress.doing == "checkpoint" else limit_s


class StarvationDetector:
    """The training waits for data more than it works, over a while.

    Args:
        over_s: How long is a while.
    """

    _STARVED: Final = 0.5
    _FED: Final = 0.35
    _LEAST_WAIT_S: Final = 0.002
    """A shorter wait a batch is the loop's own bookkeeping, which more loaders do not shorten."""

    def __init__(self, over_s: float = 30.0) -> None:
        self._over_s = over_s
        self._looks: deque[Progress] = deque()
        self._is_starved = False

    def look(self, progress: Progress) -> Alert | None:
        """Judge the time since the look that is a while ago."""
        self._looks.append(progress)
        begin_s = progress.clock_s - self._over_s
        while len(self._looks) > 1 and self._looks[1].clock_s <= begin_s:
            self._looks.popleft()
        first = self._looks[0]
        if first.clock_s > begin_s:
            return None
        waited_s = progress.waited_s - first.waited_s
        share = waited_s / (progress.clock_s - first.clock_s)
        wait_s = waited_s / max(1, progress.batches - first.batches)
        if not self._is_starved and share > self._STARVED and wait_s >= self._LEAST_WAIT_S:
            self._is_starved = True
            return Alert(
                "data_starved",
                f"{share:.0%} of the last {self._over_s:.0f} s were spent waiting for data",
                "Raise data.num_workers, make the examples cheaper to read, or keep the data on a "
                "faster disk",
            )
        if self._is_starved and share < self._FED:
            self._is_starved = False
            return Alert("data_starved", f"Waiting for data is down to {share:.0%}", cleared=True)
        return None
