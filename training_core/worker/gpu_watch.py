"""A thread of its own for the GPU driver, which may hang without holding up anything else."""

import threading
import time

from training_core.worker.nvml import GpuReading, Nvml


class GpuWatch:
    """Keeps the driver's last answer and says how old it is.

    The thread is a daemon: a call that never returns does not keep the process.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._pids: frozenset[int] = frozenset()
        self._asked_s: float | None = None
        self._answered_s = time.monotonic()
        self._reading = GpuReading([])
        self._is_over = False
        threading.Thread(target=self._answer, name="gpu-watch", daemon=True).start()

    def ask(self, pids: frozenset[int]) -> None:
        """Ask for a new reading, unless the last question still waits for its answer."""
        with self._changed:
            self._pids = pids
            if self._asked_s is None and not self._is_over:
                self._asked_s = time.monotonic()
                self._changed.notify_all()

    def answer(self, wait_s: float) -> tuple[GpuReading, float]:
        """The last reading, and for how many seconds a newer one has been due.

        Args:
            wait_s: How long to wait for the answer to the last question.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._asked_s is None, wait_s)
            late_s = 0.0 if self._asked_s is None else time.monotonic() - self._answered_s
            return self._reading, late_s

    def stop(self) -> None:
        """Ask nothing more; does not wait for a driver that hangs."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _answer(self) -> None:
        nvml = Nvml()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._asked_s is not None or self._is_over)
                if self._is_over:
                    break
                pids = self._pids
            try:
                reading = nvml.read(pids)
            except Exception as error:
                reading = GpuReading([], f"NVML: {type(error).__name__}: {error}")
            with self._changed:
                self._reading = reading
                self._answered_s = time.monotonic()
                self._asked_s = None
                # Without a GPU there is nothing more to ask: none appears while the worker lives.
                self._is_over = self._is_over or not reading.gpus
                self._changed.notify_all()
        nvml.close()
