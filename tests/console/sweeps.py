"""Sweeps whose workers are fake, and what their study and their runs say afterwards."""

import json
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

from tests.console.programs import TIMEOUT_S, fake_command, write_dataset
from training_core.contract.home import runs_folder
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import Record, RunLogReader
from training_core.contract.sweep_dir import SweepDir, sweep_dir

CONFIG = '[data]\ndataset = "site"\n[tracking]\nenabled = false\n[trainer]\nepochs = 3\n'
SPACE = '["optimizer.learning_rate"]\nlow = 1e-4\nhigh = 1e-2\nlog = true\n'


class FakeSweep:
    """A sweep of the test's home.

    Args:
        home: The home.
        plan: What the fake workers do.
        name: Of the sweep.
    """

    def __init__(self, home: Path, plan: dict[str, Any], name: str = "rates") -> None:
        self.home, self.plan, self.name = home, plan, name
        if not (home / "datasets" / "site").exists():
            write_dataset(home / "datasets" / "site")
        Path("run.toml").write_text(CONFIG)
        Path("space.toml").write_text(SPACE)

    @property
    def directory(self) -> SweepDir:
        return sweep_dir(self.home, self.name)

    def command(self, *arguments: str) -> list[str]:
        """The same command line begins it and goes on with it."""
        named = ["--config", "run.toml", "--space", "space.toml", "--name", self.name, "--json"]
        return fake_command(self.plan, "sweep", *named, *arguments)

    def begin(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def to_end(self, *arguments: str, code: int = 0) -> list[Record]:
        """What it prints; its exit code is as expected."""
        return told(self.begin(*arguments), code)

    def runs(self) -> list[RunDir]:
        """Every run of the home, the oldest first."""
        folder = runs_folder(self.home)
        names = sorted(p.name for p in folder.glob("[!.]*")) if folder.is_dir() else []
        return [RunDir(folder / name) for name in names]

    def trials(self) -> list[str]:
        """State of every trial in the study."""
        with sqlite3.connect(self.directory.study_path) as database:
            rows = database.execute("SELECT state FROM trials ORDER BY number").fetchall()
        database.close()
        return [state for (state,) in rows]


def told(process: "subprocess.Popen[str]", code: int = 0) -> list[Record]:
    """What a sweep printed until its end."""
    printed, complaint = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == code, f"exit {process.returncode}\n{printed}\n{complaint}"
    return [json.loads(line) for line in printed.splitlines()]


def states(run: RunDir) -> list[str]:
    """Every state that a run went through."""
    records = RunLogReader(run.log_path).read_new()
    return [r["status"] for r in records if r["kind"] == "state"]


def has_validated(run: RunDir) -> bool:
    """Whether the monitored metric stands in its log."""
    records = RunLogReader(run.log_path).read_new()
    return any("val/loss" in r["values"] for r in records if r["kind"] == "metrics")
