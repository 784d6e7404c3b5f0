"""Real workers that take their turn, and one that is resumed for longer in its turn."""

import json
from pathlib import Path

import pytest

from tests.console.programs import wait_until
from tests.end_to_end.command import heimdall
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import Record, RunLogReader
from training_core.contract.run_status import RunStatus, run_status

pytestmark = pytest.mark.slow

SMALL = ["--set", "tracking.enabled=false", "--set", "export.enabled=false", "--json"]


def queued(*arguments: object) -> RunDir:
    told = json.loads(heimdall("run", *arguments, *SMALL, "--queue").stdout)
    return RunDir(Path(told["path"]))


def records(run: RunDir, kind: str) -> list[Record]:
    return [r for r in RunLogReader(run.log_path).read_new() if r["kind"] == kind]


def test_real_runs_take_their_turn(isolated_home: Path) -> None:
    heimdall("data", "synth", "--sessions", "80", "--name", "small")
    first = queued("--data-dir", "small", "--epochs", "1", "--accelerator", "cpu")
    second = queued("--from", first.id, "--set", "run.seed=7")
    wait_until(lambda: run_status(second).has_ended, "both have had their turn")
    assert [run_status(run) for run in (first, second)] == [RunStatus.FINISHED] * 2
    assert records(first, "state")[-1]["t"] <= records(second, "state")[1]["t"]
    assert second.read_info().changes == {"run.seed": [42, 7]}
    again = queued("--resume", first.id, "--epochs", "3")
    assert again == first
    wait_until(lambda: len(records(first, "resumed")) > 0, "it is resumed")
    wait_until(lambda: run_status(first).has_ended, "it ends again")
    assert run_status(first) is RunStatus.FINISHED
    epochs = {r["epoch"] for r in records(first, "metrics") if "val/loss" in r["values"]}
    assert epochs == {0, 1, 2}
    assert not first.resume_path.exists()
