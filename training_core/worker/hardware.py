"""Once a second, a `hardware` record; beside it the look for alerts."""

import os
import threading
import time
from types import TracebackType
from typing import Any, Final, Self

import psutil

from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogWriter
from training_core.training.activity import Activity, Progress
from training_core.training.alert_watch import AlertWatch
from training_core.worker.gpu_watch import GpuWatch
from training_core.worker.process_tree import ProcessTree
from training_core.worker.torch_memory import torch_memory

_DRIVER_WAIT_S: Final = 0.2
_DRIVER_HANGS_S: Final = 5.0
_END_WAIT_S: Final = 2.0


class HardwareSampler:
    """A thread that measures while the worker does something else.

    Args:
        run: Directory of the run or job.
        log: Its log.
        activity: What a training is doing, for waits and alerts; None for other jobs.
        interval_s: Time between records.
    """

    def __init__(
        self,
        run: RunDir,
        log: RunLogWriter,
        activity: Activity | None = None,
        interval_s: float = 1.0,
    ) -> None:
        self._run = run
        self._log = log
        self._activity = activity
        self._interval_s = interval_s
        self._watch = AlertWatch(run, log, activity) if activity is not None else None
        self._processes = ProcessTree()
        self._gpus = GpuWatch()
        self._before: Progress | None = None
        self._said = ""
        self._failures = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="hardware", daemon=True)
        self.cpu_s = 0.0
        """Processor time that the sampling has taken, seconds."""

    def start(self) -> None:
        """Begin; the first record is written at once."""
        self._thread.start()

    def stop(self) -> None:
        """End; nothing is written afterwards, and a driver that hangs is left behind."""
        self._is_over.set()
        self._gpus.stop()
        self._thread.join(_END_WAIT_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _sample(self) -> None:
        due_s = time.monotonic()
        while not self._is_over.wait(max(0.0, due_s - time.monotonic())):
            for work in (self._record, self._look_for_alerts):
                try:
                    work()
                except Exception as error:
                    self._complain(error)
            self.cpu_s = time.thread_time()
            # A machine that slept takes up its rhythm again, without the beats it missed.
            due_s = max(due_s + self._interval_s, time.monotonic())

    def _record(self) -> None:
        self._gpus.ask(self._processes.pids)
        rss_bytes, cpu_percent = self._processes.look()
        fields: dict[str, Any] = {
            "torch": torch_memory(),
            "rss_bytes": rss_bytes,
            "cpu_percent": round(cpu_percent, 1),
            "memory_available_bytes": psutil.virtual_memory().available,
            "disk_free_bytes": self._disk_free(),
            "data_wait_share": self._data_wait_share(),
        }
        reading, late_s = self._gpus.answer(_DRIVER_WAIT_S)
        fields["gpus"] = reading.gpus
        problem = reading.problem
        if late_s > _DRIVER_WAIT_S:
            fields["gpus_age_s"] = round(late_s, 1)
        if late_s > _DRIVER_HANGS_S:
            problem = "The NVIDIA driver does not answer: what is known of the GPUs is old"
        if problem and problem != self._said:
            fields["problem"] = problem
            self._said = problem
        if not self._is_over.is_set():
            self._log.append("hardware", **fields)

    def _disk_free(self) -> int | None:
        try:
            disk = os.statvfs(self._run.path)
        except OSError:
            return None
        return disk.f_bavail * disk.f_frsize

    def _data_wait_share(self) -> float | None:
        if self._activity is None:
            return None
        before, self._before = self._before, self._activity.progress()
        now = self._before
        if before is None or now.clock_s <= before.clock_s:
            return None
        share = (now.waited_s - before.waited_s) / (now.clock_s - before.clock_s)
        return round(min(1.0, max(0.0, share)), 3)

    def _look_for_alerts(self) -> None:
        if self._watch is not None and not self._is_over.is_set():
            self._watch.look()

    def _complain(self, error: Exception) -> None:
        self._failures += 1
        if self._failures == 1 and not self._is_over.is_set():
            self._log.append(
                "message",
                level="warning",
                text=f"A figure of the hardware could not be measured: {type(error).__name__}: "
                f"{error}. The training is not affected.",
            )
