"""Ways to begin: detached, as a repetition, resumed with more epochs, prepared."""

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.console.programs import heimdall_with, wait_until, write_dataset
from training_core.contract.config_file import load_config
from training_core.contract.resume_request import read_resume_request
from training_core.contract.run_dir import RunDir, find_run
from training_core.contract.run_log import RunLogWriter
from training_core.contract.run_status import RunStatus, run_status

QUIET = ["--set", "tracking.enabled=false"]
NEW = ["run", "--data-dir", "site", *QUIET]


@pytest.fixture(autouse=True)
def dataset(isolated_home: Path) -> Path:
    path = isolated_home / "datasets" / "site"
    write_dataset(path)
    return path


def test_a_detached_run_is_named_and_goes_on(isolated_home: Path) -> None:
    answer = heimdall_with({"epochs": 2}, *NEW, "--detach")
    assert answer.returncode == 0, answer.stderr
    run = find_run(isolated_home, "@last")
    assert answer.stdout == f"{run.id}\n"
    assert f"attach {run.id}" in answer.stderr
    assert f"runs stop {run.id}" in answer.stderr
    wait_until(lambda: run_status(run) is RunStatus.FINISHED, "the detached run finishes")


def test_a_detached_run_is_an_object_for_machines(isolated_home: Path) -> None:
    told = json.loads(heimdall_with({"epochs": 40}, *NEW, "--detach", "--json").stdout)
    run = RunDir(Path(told["path"]))
    assert told["id"] == run.id
    wait_until(lambda: run_status(run) is RunStatus.RUNNING, "the worker trains")
    # It leads a session of its own: no terminal's end reaches it.
    assert os.getsid(told["pid"]) == told["pid"]
    os.kill(told["pid"], 15)
    wait_until(lambda: run_status(run) is RunStatus.STOPPED, "the worker stops")


def test_a_repetition_records_its_parent_and_what_differs(isolated_home: Path) -> None:
    assert heimdall_with({"epochs": 1}, *NEW, "--epochs", "3").returncode == 0
    parent = find_run(isolated_home, "@last")
    answer = heimdall_with(
        {"epochs": 1}, "run", "--from", parent.id, "--lr", "0.01", "--set", "run.seed=7"
    )
    assert answer.returncode == 0, answer.stderr
    child = find_run(isolated_home, "@last")
    info = child.read_info()
    assert info.parent == parent.id != child.id
    assert info.changes == {"optimizer.learning_rate": [0.001, 0.01], "run.seed": [42, 7]}
    assert load_config(child.config_path).trainer.epochs == 3
    assert "optimizer.learning_rate: 0.001 → 0.01" in answer.stderr
    same = heimdall_with({"epochs": 1}, "run", "--from", parent.id)
    assert "with the same configuration" in same.stderr
    assert find_run(isolated_home, "@last").read_info().changes == {}


def test_a_changed_dataset_is_told_to_who_repeats(isolated_home: Path, dataset: Path) -> None:
    assert heimdall_with({"epochs": 1}, *NEW).returncode == 0
    for file in dataset.iterdir():
        file.unlink()
    dataset.rmdir()
    write_dataset(dataset, fingerprint="e" * 64)
    assert "dataset has changed" in heimdall_with({"epochs": 1}, "run", "--from", "@last").stderr


def test_a_run_is_resumed_by_name_for_more_epochs(isolated_home: Path) -> None:
    assert heimdall_with({"epochs": 2}, *NEW, "--epochs", "2").returncode == 0
    run = find_run(isolated_home, "@last")
    answer = heimdall_with({"epochs": 2}, "run", "--resume", run.id, "--epochs", "5")
    assert answer.returncode == 0, answer.stderr
    asked = read_resume_request(run)
    assert asked is not None
    assert asked.checkpoint.endswith("epoch=001-step=0000080.ckpt")
    assert (asked.epochs, asked.schedule) == (5, "stretch")
    assert find_run(isolated_home, "@last").id == run.id


def test_a_run_that_died_before_its_first_checkpoint_begins_anew(isolated_home: Path) -> None:
    made = heimdall_with({}, *NEW, "--prepare", "--json")
    run = RunDir(Path(json.loads(made.stdout)["path"]))
    with RunLogWriter(run.log_path) as log:
        log.append("state", status="running")
    assert run_status(run) is RunStatus.CRASHED
    answer = heimdall_with({"epochs": 1}, "run", "--resume", run.id)
    assert answer.returncode == 0, answer.stderr
    asked = read_resume_request(run)
    assert asked is not None
    assert asked.checkpoint == ""
    assert run_status(run) is RunStatus.FINISHED


def test_epochs_that_are_over_or_other_changes_are_refused(isolated_home: Path) -> None:
    assert heimdall_with({"epochs": 2}, *NEW, "--epochs", "2").returncode == 0
    run = find_run(isolated_home, "@last")
    over = heimdall_with({}, "run", "--resume", "@last", "--epochs", "2")
    assert over.returncode == 2
    assert "has completed 2" in over.stderr
    other = heimdall_with({}, "run", "--resume", "@last", "--epochs", "9", "--set", "run.seed=1")
    assert other.returncode == 2
    assert "run.seed" in other.stderr
    assert "trainer.epochs" not in other.stderr
    assert not run.resume_path.exists()


def test_a_prepared_run_begins_by_its_command(isolated_home: Path) -> None:
    answer = heimdall_with({}, *NEW, "--prepare", "--json")
    told = json.loads(answer.stdout)
    run = RunDir(Path(told["path"]))
    assert run_status(run) is RunStatus.QUEUED
    assert not run.log_path.exists()
    assert told["command"][1:] == ["-m", "tests.console.fake_worker", str(run.path)]
    assert subprocess.run(told["command"], check=False, timeout=60).returncode == 0
    assert run_status(run) is RunStatus.FINISHED
    for_people = heimdall_with({}, *NEW, "--prepare")
    prepared = find_run(isolated_home, "@last")
    assert for_people.stdout == f"{prepared.id}\n"
    command = for_people.stderr.splitlines()[0].partition("Start it with: ")[2]
    assert shlex.split(command)[-1] == str(prepared.path)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--from", "@last", "--config", "x.toml"],
        ["--from", "@last", "--resume", "@last"],
        ["--resume", "@last", "--checkpoint", "x.ckpt"],
        ["--detach", "--prepare"],
        ["--detach", "--queue"],
        ["--prepare", "--after", "@last"],
        ["--export-only", "--detach"],
    ],
    ids=" ".join,
)
def test_what_excludes_each_other_starts_nothing(arguments: list[str], isolated_home: Path) -> None:
    answer = heimdall_with({}, *NEW, *arguments)
    assert answer.returncode == 2
    assert "exclude each other" in answer.stderr
    assert not list(isolated_home.glob("runs/*"))
