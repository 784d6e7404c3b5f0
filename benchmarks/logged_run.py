"""A run that is nothing but its log: what a viewer sees of a training, at any speed."""

import math
import random
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from training_core.contract.config import Config
from training_core.contract.config_template import render_resolved
from training_core.contract.lock import WorkerLock
from training_core.contract.run_dir import RunDir, RunInfo, create_run, new_id
from training_core.contract.run_log import RunLogWriter

METRICS = (
    "train/loss",
    "train/position_error_m",
    "train/gradient_norm",
    "learning_rate",
    "val/loss",
    "val/median_m",
    "val/mean_m",
    "val/p90_m",
    "val/coverage_90",
    "examples_per_s",
)


class LoggedRun:
    """A living run: this process holds its lock and writes its log.

    Args:
        home: Where it is made.
        total_steps: What it plans; None where nobody knows.
    """

    def __init__(self, home: Path, total_steps: int | None) -> None:
        now = time.time()
        info = RunInfo(id=new_id(now), name="bench", experiment="bench", created=now)
        self.directory: RunDir = create_run(home, info, render_resolved(Config(), None))
        self._lock = WorkerLock(self.directory.lock_path)
        self._writer = RunLogWriter(self.directory.log_path)
        self._total = total_steps
        self._noise = random.Random(0)
        self._stop = threading.Event()
        self.step = 0
        self._writer.append("state", status="starting")
        self._writer.append("state", status="running")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._lock.release()

    def values(self) -> dict[str, float]:
        """Ten metrics that look like a training's."""
        fall = 100.0 / (1.0 + self.step / 500.0)
        return {
            name: fall * (1 + place) * (1.0 + 0.1 * self._noise.gauss(0.0, 1.0)) + math.sin(place)
            for place, name in enumerate(METRICS)
        }

    def write_step(self, **values: float) -> None:
        """One step with its metrics, and the progress twice a second's worth of steps."""
        self.step += 1
        self._writer.append(
            "metrics", step=self.step, epoch=self.step // 1000, values=values or self.values()
        )
        if self.step % 25 == 0:
            self._writer.append(
                "task",
                name="train",
                done=self.step,
                total=self._total,
                epoch=self.step // 1000,
                epochs=self._total // 1000 if self._total else None,
            )

    def write_hardware(self) -> None:
        """What the sampler writes once a second."""
        used = 30_000_000_000 + self._noise.randrange(1_000_000_000)
        gpu = {
            "index": 0,
            "name": "example GPU",
            "uuid": "GPU-0",
            "utilization_percent": 90 + self._noise.randrange(10),
            "used_bytes": used,
            "total_bytes": 80_000_000_000,
            "temperature_c": 70,
            "power_w": 400.0,
            "power_limit_w": 700.0,
            "worker_bytes": used - 1_000_000_000,
        }
        torch = {
            "device": 0,
            "allocated_bytes": used - 3_000_000_000,
            "reserved_bytes": used - 2_000_000_000,
            "peak_bytes": 31_000_000_000,
        }
        self._writer.append(
            "hardware",
            gpus=[gpu],
            torch=[torch],
            rss_bytes=4_000_000_000,
            cpu_percent=100.0,
            memory_available_bytes=16_000_000_000,
            disk_free_bytes=200_000_000_000,
            data_wait_share=0.02,
        )

    def write_end(self) -> None:
        """What the worker writes last."""
        self._writer.append("state", status="finished", exit_code=0)

    def write_for(self, duration_s: float, steps_per_s: float) -> None:
        """Write at a steady rate, hardware once a second; returns when the time is over."""
        began, done, sampled = time.monotonic(), 0, 0
        while (passed := time.monotonic() - began) < duration_s and not self._stop.is_set():
            while done < passed * steps_per_s:
                self.write_step()
                done += 1
            if passed >= sampled:
                self.write_hardware()
                sampled += 1
            time.sleep(1.0 / steps_per_s)

    def in_background(self, duration_s: float, steps_per_s: float) -> threading.Thread:
        """The same in a thread of this process."""
        thread = threading.Thread(
            target=self.write_for, args=(duration_s, steps_per_s), daemon=True
        )
        thread.start()
        return thread
