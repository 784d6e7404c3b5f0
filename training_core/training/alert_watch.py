"""Feeds the detectors of alerts once a second and writes what they find."""

import math
import os
import time
from typing import Final

from training_core.contract.records import decode_number
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogReader, RunLogWriter
from training_core.training.activity import Activity
from training_core.training.alerts import (
    Alert,
    DiskDetector,
    NonFiniteDetector,
    SpikeDetector,
)
from training_core.training.progress_alerts import StallDetector, StarvationDetector

_MOST_BYTES: Final = 4 * 1024 * 1024
"""Of the log, read in one look."""


class AlertWatch:
    """Watches a training from another thread: one that stalls runs no hook.

    Metrics, steps and checkpoints are read from the run's own log, where they are plain
    numbers already: nothing is added to a training step, and no GPU is waited for.

    Args:
        run: The run.
        log: Where alerts are written.
        activity: What the training is doing.
    """

    def __init__(self, run: RunDir, log: RunLogWriter, activity: Activity) -> None:
        self._run = run
        self._log = log
        self._activity = activity
        self._reader = RunLogReader(run.log_path, run.log_path.stat().st_size)
        self._non_finite = NonFiniteDetector()
        self._spike = SpikeDetector()
        self._stall = StallDetector()
        self._starvation = StarvationDetector()
        self._disks = (DiskDetector(), DiskDetector())
        self._step: int | None = None
        self._checkpoint_bytes = 0

    def look(self) -> list[Alert]:
        """Look once; what was found is in the log, too."""
        progress = self._activity.progress()
        found = [self._stall.look(progress), self._starvation.look(progress)]
        found += self._look_at_log()
        found += self._look_at_disks()
        alerts = [alert for alert in found if alert is not None]
        for alert in alerts:
            alert.write(self._log, self._step)
        return alerts

    def _look_at_log(self) -> list[Alert | None]:
        found: list[Alert | None] = []
        losses: list[float] = []
        now_s = time.monotonic()
        for record in self._reader.read_new(_MOST_BYTES):
            kind, values = record["kind"], record.get("values")
            if kind == "metrics" and isinstance(values, dict):
                self._step = _whole(record.get("step"), self._step)
                found.append(self._non_finite.look(values, now_s))
                loss = decode_number(values.get("train/loss"))
                if loss is not None and math.isfinite(loss):
                    losses.append(loss)
            elif kind == "checkpoint":
                size = _whole(record.get("size_bytes"), None)
                self._checkpoint_bytes = size or self._checkpoint_bytes
            elif kind == "task" and record.get("name") == "train":
                self._step = _whole(record.get("done"), self._step)
        found.append(self._spike.look(losses))
        return found

    def _look_at_disks(self) -> list[Alert | None]:
        folders = [self._run.path]
        elsewhere = self._activity.checkpoint_folder
        if elsewhere is not None and self._run.path not in elsewhere.parents:
            folders.append(elsewhere)
        needed = self._checkpoint_bytes or self._activity.checkpoint_bytes
        found: list[Alert | None] = []
        for folder, detector in zip(folders, self._disks, strict=False):
            try:
                disk = os.statvfs(folder)
            except OSError:
                continue
            here = needed if folder is folders[-1] else 0
            found.append(
                detector.look(
                    disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize, here, str(folder)
                )
            )
        return found


def _whole(value: object, otherwise: int | None) -> int | None:
    return value if isinstance(value, int) else otherwise
