"""Running the command line as a process, and datasets it can name."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from heimdall_console.settings import settings_path
from training_core.contract.config import Config
from training_core.contract.config_template import render_resolved
from training_core.contract.datasets import (
    SUMMARY_FILE,
    TABLE_FILES,
    DatasetSummary,
    Occupancy,
    ReceiverSummary,
    SplitSummary,
    stamps,
)
from training_core.contract.processes import start_detached
from training_core.contract.run_dir import RunInfo, create_run, new_id
from training_core.contract.run_log import RunLogReader
from training_core.contract.sections import TrackingSection

TIMEOUT_S = 60
_WRITTEN_S = 1_767_225_600.0


def heimdall(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    return _run([sys.executable, "-m", "heimdall_console", *arguments])


def heimdall_with(plan: dict[str, Any], *arguments: str) -> subprocess.CompletedProcess[str]:
    """The same with a fake worker that follows a plan."""
    return _run(fake_command(plan, *arguments))


def fake_command(plan: dict[str, Any], *arguments: str) -> list[str]:
    """Command line of the program with a fake worker."""
    program = [sys.executable, "-m", "tests.console.run_with_fake_worker"]
    return [*program, json.dumps(plan), *arguments]


class FakeRun:
    """A run with a fake worker that nobody follows.

    Args:
        home: Where it is made.
        plan: What the worker does.
    """

    def __init__(self, home: Path, plan: dict[str, Any], name: str = "morning") -> None:
        info = RunInfo(
            id=new_id(time.time()), name=name, experiment="trial", created=time.time(), user="ada"
        )
        config = Config(tracking=TrackingSection(enabled=False))
        self.run = create_run(home, info, render_resolved(config))
        (self.run.path / "plan.json").write_text(json.dumps(plan))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "FakeRun":
        """Start its worker and wait until it trains."""
        self.start_only()
        wait_until(lambda: "metrics" in self.kinds() or self.process_ended(), "the worker trains")
        return self

    def start_only(self) -> None:
        """Start its worker."""
        fake = "tests.console.fake_worker"
        self.process = start_detached(fake, self.run.path, self.run.output_path)

    def process_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def kinds(self) -> list[str]:
        """Kinds of all records so far."""
        return [record["kind"] for record in RunLogReader(self.run.log_path).read_new()]

    def wait(self) -> int:
        """Wait for the worker's end; its exit code."""
        assert self.process is not None
        return self.process.wait(TIMEOUT_S)

    def stop(self) -> None:
        """End the worker where it still lives."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(TIMEOUT_S)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)


def wait_until(is_true: Callable[[], bool], what: str) -> None:
    """Wait for a condition under a deadline."""
    deadline = time.monotonic() + TIMEOUT_S
    while not is_true():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.02)


def write_settings(text: str) -> None:
    """Write the settings of the person who runs the tests: of this test, that is."""
    path = settings_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_dataset(path: Path, name: str = "site", **changes: object) -> DatasetSummary:
    """A dataset whose summary is current and whose tables hold nothing."""
    path.mkdir(parents=True)
    (path / "dataset.toml").write_text(f'name = "{path.name}"\n')
    for table in TABLE_FILES:
        (path / table).write_bytes(b"")
    for file in path.iterdir():  # what a summary says of them is the same at every time
        os.utime(file, (_WRITTEN_S, _WRITTEN_S))
    fields: dict[str, Any] = {
        "name": name,
        "licence": "CC0-1.0",
        "source": "made for a test",
        "description": "three receivers around a square",
        "fingerprint": "f" * 64,
        "origin_latitude_deg": 40.0,
        "origin_longitude_deg": -111.0,
        "sessions": 1200,
        "labeled_sessions": 1199,
        "observations": 3000,
        "receivers": [
            ReceiverSummary(
                receiver_id=f"r{i}",
                latitude_deg=40.0 + 0.004 * i,
                longitude_deg=-111.0 + 0.005 * i,
                mobile=False,
                sessions=400 * i,
            )
            for i in range(3)
        ],
        "measurements": {"rssi_dbm": 3000},
        "tracks": 4,
        "first_time": "2026-01-05T08:00:00Z",
        "last_time": "2026-01-06T08:00:00Z",
        "receivers_per_session": {1: 200, 2: 400, 3: 600},
        "splits": [SplitSummary(name="grid", by="list")],
        "occupancy": Occupancy(
            south_deg=40.0,
            west_deg=-111.0,
            north_deg=40.01,
            east_deg=-110.99,
            counts=[[1 if row == column else 0 for column in range(20)] for row in range(20)],
        ),
        "notes": {},
        "files": stamps(path),
    }
    summary = DatasetSummary.model_validate({**fields, **changes})
    (path / SUMMARY_FILE).write_text(summary.model_dump_json())
    return summary
