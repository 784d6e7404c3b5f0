"""A sweep of real trainings: pruned, killed, gone on with, published, and its best one trained."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.console.programs import wait_until
from tests.end_to_end.command import heimdall
from training_core.contract.config_file import load_config
from training_core.contract.home import runs_folder
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogReader
from training_core.contract.run_status import RunStatus, run_status

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

CONFIG = """
# What I try.
[run]
seed = 7
[data]
dataset = "small"
[model.receiver_set_net]
width = 16
heads = 2
fingerprint_width = 32
[trainer]
epochs = 150
accelerator = "cpu"
[early_stopping]
enabled = false
[tracking]
enabled = false
"""
SPACE = '["optimizer.learning_rate"]\nchoices = [0.01, 1e-7]\n'
# What the seed draws; the median of the first two cannot bear the third.
DRAWN = [0.01, 0.01, 1e-7]


def command(*arguments: object) -> list[str]:
    program = [sys.executable, "-m", "heimdall_console", "sweep"]
    named = ["--config", "run.toml", "--space", "space.toml", "--name", "rates", "--json"]
    return [*program, *named, *map(str, arguments)]


def runs_of(home: Path) -> list[RunDir]:
    folder = runs_folder(home)
    return [RunDir(path) for path in sorted(folder.glob("[!.]*"))] if folder.is_dir() else []


def kinds(run: RunDir) -> list[str]:
    return [record["kind"] for record in RunLogReader(run.log_path).read_new()]


def to_end(*arguments: object) -> list[dict[str, Any]]:
    done = subprocess.run(
        command(*arguments), capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_sweep_is_killed_goes_on_prunes_and_its_best_one_trains(isolated_home: Path) -> None:
    heimdall("data", "synth", "--preset", "campus", "--sessions", "120", "--name", "small")
    Path("run.toml").write_text(CONFIG)
    Path("space.toml").write_text(SPACE)
    limits = ["--trials", 3, "--startup", 1]
    process = subprocess.Popen(command(*limits), stdout=subprocess.DEVNULL)
    wait_until(
        lambda: "metrics" in [k for run in runs_of(isolated_home) for k in kinds(run)], "it trains"
    )
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    begun = runs_of(isolated_home)
    records = to_end(*limits)
    assert records[1]["run_id"] == begun[-1].id
    assert records[1]["adopted"]
    runs = runs_of(isolated_home)
    assert runs[: len(begun)] == begun
    rates = [load_config(run.config_path).optimizer.learning_rate for run in runs]
    assert rates == DRAWN
    ends = [run_status(run) for run in runs]
    assert ends == [RunStatus.FINISHED, RunStatus.FINISHED, RunStatus.STOPPED]
    assert records[-1]["trials"] == {"running": 0, "complete": 2, "pruned": 1, "failed": 0}
    # It was stopped with the ordinary command, which the worker answered.
    answers = [r for r in RunLogReader(runs[2].log_path).read_new() if r["kind"] == "command"]
    assert {(answer["name"], answer["outcome"]) for answer in answers} >= {("stop", "done")}
    best = Path(records[-1]["best_config"])
    assert "# What I try." in best.read_text()
    small = ["--epochs", "1", "--set", "export.enabled=false"]
    heimdall("run", "--config", best, *small, "--name", "again")
    again = load_config(runs_of(isolated_home)[-1].config_path)
    assert again.optimizer.learning_rate == 0.01
