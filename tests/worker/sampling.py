"""A process with the real sampler on a machine with the GPUs of a fake driver."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import Record, RunLogReader, RunLogWriter

PROGRAM = Path(__file__).parent / "sampled.py"
DEADLINE_S = 30.0


def wait_for(log: Path, fits: Callable[[Record], bool]) -> Record:
    """The first record of a log that fits.

    Raises:
        AssertionError: None came in time.
    """
    reader, deadline = RunLogReader(log), time.monotonic() + DEADLINE_S
    last: Record = {}
    while time.monotonic() < deadline:
        for record in reader.read_new():
            last = record
            if fits(record):
                return record
        time.sleep(0.02)
    raise AssertionError(f"no such record; the last one was {last}")


class SampledProcess:
    """The sampler in a process of its own.

    Args:
        folder: Becomes the run's directory.
        library: Folder with the fake driver; None leaves the machine as it is.
        machine: What the fake driver plays.
    """

    def __init__(self, folder: Path, library: Path | None = None, machine: str = "") -> None:
        self.run = RunDir(folder)
        self._event = folder / "event"
        RunLogWriter(self.run.log_path).close()
        environment = dict(os.environ, FAKE_NVML=machine, FAKE_NVML_EVENT=str(self._event))
        if library is not None:
            environment["LD_LIBRARY_PATH"] = str(library)
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(folder)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def happen(self) -> None:
        """Let the event of the fake driver happen."""
        self._event.touch()

    def record(self, fits: Callable[[Record], bool] = lambda record: True) -> Record:
        """The first `hardware` record that fits."""
        return wait_for(self.run.log_path, lambda r: r["kind"] == "hardware" and fits(r))

    def records(self) -> list[Record]:
        """All `hardware` records up to now."""
        every = RunLogReader(self.run.log_path).read_new()
        return [record for record in every if record["kind"] == "hardware"]

    def wait_for_records(self, count: int) -> None:
        """Wait until there are so many `hardware` records."""
        deadline = time.monotonic() + DEADLINE_S
        while len(self.records()) < count:
            assert time.monotonic() < deadline, "the sampler has stopped"
            time.sleep(0.02)

    def end(self) -> list[str]:
        """End it as a worker ends; what it printed."""
        output, _ = self.process.communicate("\n", timeout=DEADLINE_S)
        assert self.process.returncode == 0
        return output.splitlines()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
