"""Alerts, and the detectors fed with metrics and sizes: each raises once until it is over."""

import math
import statistics
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from training_core.contract.errors import HeimdallError
from training_core.contract.run_log import RunLogWriter

MAD_TO_SIGMA: Final = 1.4826
"""Standard deviation of a normal distribution by its median absolute deviation."""
GIB: Final = 1024**3


@dataclass(frozen=True)
class Alert:
    """What an `alert` record says."""

    name: str
    """nan, spike, stalled, data_starved, disk or oom."""
    text: str
    """What was seen."""
    advice: str = ""
    """What to do."""
    cleared: bool = False
    """Whether an earlier alert of that name is over."""

    def write(self, log: RunLogWriter, step: int | None = None) -> None:
        """Append it to a run's log.

        Args:
            log: The log.
            step: Optimizer steps completed; left out where that means nothing.
        """
        fields: dict[str, Any] = {"name": self.name, "text": self.text}
        if self.advice:
            fields["advice"] = self.advice
        if step is not None:
            fields["step"] = step
        if self.cleared:
            fields["cleared"] = True
        log.append("alert", **fields)


def out_of_memory_alert(error: HeimdallError) -> Alert:
    """The alert for a device whose memory was too small; the run ends with the same error."""
    return Alert("oom", ". ".join(part for part in (error.what, error.why) if part), error.action)


class NonFiniteDetector:
    """Metrics other than the loss that become NaN or infinite; the training goes on.

    The loss is left out: the run ends on it.
    """

    _CALM_S: Final = 60.0
    """How long a metric must not have been so before it counts as finite again."""

    def __init__(self) -> None:
        self._seen_s: dict[str, float] = {}

    def look(self, values: Mapping[str, float | str], now_s: float) -> Alert | None:
        """Judge the values of one `metrics` record, in which such numbers are strings."""
        if not self._seen_s and str not in set(map(type, values.values())):
            return None
        new = []
        for name, value in values.items():
            if not isinstance(value, str):
                if now_s - self._seen_s.get(name, now_s) > self._CALM_S:
                    del self._seen_s[name]
                    if not self._seen_s:
                        return Alert("nan", f"{name} is finite again", cleared=True)
            elif name != "train/loss":
                if name not in self._seen_s:
                    new.append(name)
                self._seen_s[name] = now_s
        if not new:
            return None
        kind = "NaN" if values[new[0]] == "NaN" else "infinite"
        return Alert(
            "nan",
            f"{', '.join(new)} became {kind}; the training goes on",
            "Look for a division by zero, a logarithm of zero or an empty batch in this metric",
        )


class SpikeDetector:
    """Losses far above their recent spread; several in a row are one spike.

    Median and median absolute deviation know the spread: a spike does not widen it.
    """

    _WINDOW: Final = 512
    _AT_LEAST: Final = 50
    """Losses that a spread is judged from."""
    _SIGMAS: Final = 10.0
    _SHARE: Final = 0.25
    """Of the median: a loss that barely moves does not spike when it moves a little."""
    _TAIL: Final = 2.0
    """Of the highest usual loss's excess: losses of small batches are skewed."""
    _CALM: Final = 50
    """Losses in a row that end a spike."""

    def __init__(self) -> None:
        self._usual: deque[float] = deque(maxlen=self._WINDOW)
        self._median = 0.0
        self._limit = math.inf
        self._high: list[float] = []
        self._calm = 0

    def look(self, losses: Sequence[float]) -> Alert | None:
        """Judge the losses of the steps since the last look, in their order."""
        if not losses:
            return None
        was_spiking, first = bool(self._high), None
        for loss in losses if was_spiking or max(losses) > self._limit else ():
            if loss <= self._limit:
                self._calm += 1
            else:
                first = loss if first is None else first
                self._high.append(loss)
                self._calm = 0
        limit, median = self._limit, self._median
        self._usual.extend(loss for loss in losses if loss <= limit)
        alert = None
        if first is not None and not was_spiking:
            alert = Alert(
                "spike",
                f"The loss jumped to {first:.4g}; it had been around {median:.4g}, and above "
                f"{limit:.4g} is unusual",
                "If it does not come down by itself, lower the learning rate or set "
                "optimizer.gradient_clip",
            )
        elif self._high and self._calm >= self._CALM:
            self._high = []
            now = statistics.median(list(self._usual)[-self._CALM :])
            alert = Alert("spike", f"The loss is usual again, around {now:.4g}", cleared=True)
        elif len(self._high) >= self._WINDOW:
            # It does not come back: what is high has become usual.
            level = statistics.median(self._high)
            self._usual.clear()
            self._usual.extend(self._high)
            self._high = []
            alert = Alert(
                "spike", f"The loss stays around {level:.4g} since its spike", cleared=True
            )
        self._judge()
        return alert

    def _judge(self) -> None:
        if len(self._usual) < self._AT_LEAST:
            return
        self._median = statistics.median(self._usual)
        spread = statistics.median(abs(loss - self._median) for loss in self._usual)
        excess = max(
            self._SIGMAS * MAD_TO_SIGMA * spread,
            self._TAIL * (max(self._usual) - self._median),
            self._SHARE * abs(self._median),
            1e-6,
        )
        self._limit = self._median + excess


class DiskDetector:
    """Too little free space for what the run still writes."""

    _FLOOR_BYTES: Final = GIB
    _SHARE: Final = 0.05
    """Of the disk; on a large one, `_ENOUGH_BYTES` are enough."""
    _ENOUGH_BYTES: Final = 5 * GIB
    _CHECKPOINTS: Final = 2
    """A new one is written before an old one is removed."""
    _CLEAR: Final = 1.2

    def __init__(self) -> None:
        self._is_low = False

    def look(self, free: int, total: int, checkpoint: int, folder: str) -> Alert | None:
        """Judge one disk.

        Args:
            free: Bytes that the run may still write.
            total: Bytes of the disk.
            checkpoint: Bytes of a checkpoint.
            folder: What lies there, for the text.
        """
        needed = self._CHECKPOINTS * checkpoint
        limit = max(needed, self._FLOOR_BYTES, min(int(self._SHARE * total), self._ENOUGH_BYTES))
        if not self._is_low and free < limit:
            self._is_low = True
            reason = (
                f"the next checkpoints need {_size(needed)}"
                if free < needed
                else f"below {_size(limit)} of a disk of {_size(total)} is little"
            )
            return Alert(
                "disk",
                f"{_size(free)} are free in {folder}: {reason}",
                "Free some space: `heimdall-console runs prune` removes old checkpoints",
            )
        if self._is_low and free > self._CLEAR * limit:
            self._is_low = False
            return Alert("disk", f"{_size(free)} are free in {folder} again", cleared=True)
        return None


def _size(size: int) -> str:
    """As disks are sold, and as every other text of them."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
