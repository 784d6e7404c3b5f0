"""Following a run to its end: what is shown, what is returned, what Ctrl+C does."""

import io
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from heimdall_console.following.lines import LineDisplay
from heimdall_console.following.output import OutputReader
from heimdall_console.following.reading import crash_error
from heimdall_console.run_progress import RunProgress
from tests.console.programs import (
    TIMEOUT_S,
    FakeRun,
    fake_command,
    heimdall,
    heimdall_with,
    wait_until,
    write_dataset,
)
from training_core.contract.config_file import load_config
from training_core.contract.run_dir import RunDir, find_run
from training_core.contract.run_log import RunLogReader
from training_core.contract.run_status import RunStatus, run_status

QUIET = ["--set", "tracking.enabled=false"]


@pytest.fixture
def dataset(isolated_home: Path) -> Path:
    path = isolated_home / "datasets" / "site"
    write_dataset(path)
    return path


def run_arguments(*more: str) -> list[str]:
    return ["run", "--data-dir", "site", *QUIET, *more]


def test_a_piped_run_prints_plain_lines(dataset: Path, isolated_home: Path) -> None:
    answer = heimdall_with({}, *run_arguments("--epochs", "3"))
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    assert "\x1b" not in answer.stdout
    assert "\r" not in answer.stdout
    epochs = [line for line in answer.stdout.splitlines() if "  epoch " in line]
    assert [line.split()[2] for line in epochs] == ["1/3", "2/3", "3/3"]
    assert "val/loss 5.000" in epochs[0]
    assert "step 120" in epochs[2]
    for text in ("12,345 parameters", "best so far", "median", "132.4 m", "agrees with PyTorch"):
        assert text in answer.stdout
    run = find_run(isolated_home, "@last")
    assert f"heimdall-console evaluate {run.id} site" in answer.stdout


def test_the_run_directory_says_what_was_started(
    dataset: Path, isolated_home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "run.toml"
    file.write_text('# mine\n[run]\nexperiment = "trial"  # first\n')
    code = heimdall_with({}, *run_arguments("--config", str(file), "--lr", "0.01")).returncode
    assert code == 0
    run = find_run(isolated_home, "@last")
    config = load_config(run.config_path)
    assert config.data.dataset == str(dataset.resolve())
    assert config.optimizer.learning_rate == 0.01
    text = run.config_path.read_text()
    assert "# mine" in text
    assert "# first" in text
    info = run.read_info()
    assert info.experiment == "trial"
    assert info.dataset_fingerprint == "f" * 64
    assert info.versions["torch"]
    assert info.name.startswith("rf-localization-")
    assert len(info.config_hash) == 64


@pytest.mark.parametrize("spelling", ["--batch-size", "--batch_size"])
def test_flags_are_read_in_both_spellings(
    spelling: str, dataset: Path, isolated_home: Path
) -> None:
    assert heimdall_with({"epochs": 1}, *run_arguments(spelling, "8")).returncode == 0
    config = load_config(find_run(isolated_home, "@last").config_path)
    assert config.trainer.batch_size == 8


def test_json_lines_are_the_records_and_a_summary(dataset: Path, isolated_home: Path) -> None:
    answer = heimdall_with({}, *run_arguments("--json"))
    records = [json.loads(line) for line in answer.stdout.splitlines()]
    log = RunLogReader(find_run(isolated_home, "@last").log_path).read_new()
    assert records[:-1] == log
    summary = records[-1]
    assert summary["kind"] == "summary"
    assert summary["exit_code"] == 0
    assert summary["test"]["median_m"] == 132.4
    assert summary["best_epoch"] == 2
    assert Path(summary["checkpoint"]).is_file()


@pytest.mark.parametrize("code", [1, 3])
def test_the_exit_code_and_the_error_are_those_of_the_worker(code: int, dataset: Path) -> None:
    error = {
        "error": "DivergedError",
        "what": "The loss became NaN at step 7 [red]x[/red]\x1b[2J",
        "why": "The batch held the sessions a, b",
        "unharmed": "",
        "action": "Lower optimizer.learning_rate",
        "exit_code": code,
    }
    answer = heimdall_with({"epochs": 1, "error": error}, *run_arguments())
    assert answer.returncode == code
    assert "The loss became NaN at step 7 [red]x[/red]" in answer.stderr
    assert "\x1b" not in answer.stderr
    assert "Lower optimizer.learning_rate" in answer.stderr
    # Whoever goes on after a divergence meets it again.
    following = "--from" if code == 3 else "--resume"
    assert f"heimdall-console run {following}" in answer.stdout


@pytest.mark.parametrize("plan", [{"crash_at": 50}, {"dies_at_birth": True}], ids=str)
def test_a_worker_that_dies_is_noticed(
    plan: dict[str, Any], dataset: Path, isolated_home: Path
) -> None:
    answer = heimdall_with(plan, *run_arguments())
    assert answer.returncode == 1
    assert "ended without saying why" in answer.stderr
    output = find_run(isolated_home, "@last").output_path
    assert str(output) in answer.stderr.replace("\n       ", "")
    assert output.read_text().strip().splitlines()[-1][:20] in answer.stderr


class Interrupted:
    """A run that is being followed and is sent Ctrl+C."""

    def __init__(self, plan: dict[str, Any], home: Path) -> None:
        self._home = home
        command = fake_command({"epochs": 500, **plan}, *run_arguments())
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        wait_until(self._is_training, "the fake worker trains")

    @property
    def run(self) -> RunDir:
        return find_run(self._home, "@last")

    def _is_training(self) -> bool:
        runs = self._home / "runs"
        return runs.is_dir() and any(path.stat().st_size > 0 for path in runs.glob("*/log.jsonl"))

    def press(self) -> None:
        os.kill(self.process.pid, signal.SIGINT)

    def end(self) -> tuple[int, str]:
        out, _ = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, out


def test_ctrl_c_stops_with_a_checkpoint(dataset: Path, isolated_home: Path) -> None:
    following = Interrupted({}, isolated_home)
    following.press()
    code, out = following.end()
    assert code == 4
    assert "stopping with a checkpoint" in out
    assert run_status(following.run) is RunStatus.STOPPED
    assert list(following.run.checkpoints.glob("*.ckpt"))


def test_a_second_ctrl_c_stops_now(dataset: Path, isolated_home: Path) -> None:
    following = Interrupted({"is_deaf": True, "step_s": 0.01}, isolated_home)
    following.press()
    assert following.process.stdout is not None
    lines = iter(following.process.stdout.readline, "")
    assert any("Ctrl+C again stops now" in line for line in lines)
    following.press()
    code, _ = following.end()
    assert code == 130
    assert run_status(following.run) is RunStatus.KILLED


def test_a_viewer_that_is_killed_does_not_harm_the_run(dataset: Path, isolated_home: Path) -> None:
    following = Interrupted({"epochs": 4}, isolated_home)
    following.process.kill()
    following.end()
    wait_until(lambda: run_status(following.run).has_ended, "the run ends by itself")
    assert run_status(following.run) is RunStatus.FINISHED


def test_resuming_goes_on_in_the_same_run(dataset: Path, isolated_home: Path) -> None:
    assert heimdall_with({"epochs": 2}, *run_arguments()).returncode == 0
    run = find_run(isolated_home, "@last")
    checkpoint = sorted(run.checkpoints.glob("*.ckpt"))[0]
    answer = heimdall_with(
        {"epochs": 3}, "run", "--resume_training", "--checkpoint", str(checkpoint)
    )
    assert answer.returncode == 0, answer.stderr
    assert find_run(isolated_home, "@last").id == run.id
    assert json.loads((run.path / "resume.json").read_text())["checkpoint"] == str(checkpoint)
    # What was shown before is not shown again: three validations, not five.
    assert sum("  epoch " in line for line in answer.stdout.splitlines()) == 3


def test_a_resumed_run_tells_its_own_epochs_only() -> None:
    stream = io.StringIO()
    display, progress = LineDisplay(stream), RunProgress()
    task = {"t": 0.0, "kind": "task", "name": "train", "total": 12, "epochs": 6}
    records: list[dict[str, Any]] = [
        {"t": 0.0, "kind": "resumed", "step": 6, "epoch": 2},
        {**task, "done": 6, "epoch": 2},
        {**task, "done": 7, "epoch": 3},
        {"t": 0.0, "kind": "metrics", "step": 8, "epoch": 3, "values": {"val/loss": 1.0}},
        {**task, "done": 11, "epoch": 5},
    ]
    for record in records:
        progress.take([record])
        display.show([record], progress)
    epochs = [line.split()[2] for line in stream.getvalue().splitlines() if "  epoch " in line]
    assert epochs == ["4/6", "5/6"]


def test_a_living_run_is_not_resumed_and_flags_are_named_as_typed(isolated_home: Path) -> None:
    run = FakeRun(isolated_home, {"epochs": 500, "step_s": 0.01}).start()
    try:
        answer = heimdall("run", "--resume", "@last", "--epochs", "1")
    finally:
        run.stop()
    assert "Its worker is alive" in answer.stderr
    answer = heimdall("run", "--prepare", "--from", "@last", "--after", "@last")
    assert "--prepare and --after exclude each other" in answer.stderr.replace("\n", " ")


def test_a_run_is_not_resumed_with_another_configuration(
    dataset: Path, isolated_home: Path
) -> None:
    assert heimdall_with({"epochs": 1}, *run_arguments()).returncode == 0
    answer = heimdall_with({}, "run", "--resume-training", "--batch-size", "7")
    assert answer.returncode == 2
    assert "trainer.batch_size" in answer.stderr
    assert not (find_run(isolated_home, "@last").path / "resume.json").exists()


def test_runs_are_listed_with_status_and_best_value(dataset: Path, isolated_home: Path) -> None:
    assert heimdall_with({"epochs": 2}, *run_arguments("--name", "morning")).returncode == 0
    assert heimdall_with({"crash_at": 3}, *run_arguments()).returncode == 1
    listed = json.loads(heimdall("runs", "list", "--json").stdout)
    assert [run["status"] for run in listed] == ["crashed", "finished"]
    assert listed[1]["best"] == 4.5
    table = heimdall("runs").stdout
    assert "✓ finished" in table
    assert "? crashed" in table
    assert "morning" in table


def test_a_pipe_in_place_of_what_was_printed_is_not_waited_for(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    os.mkfifo(run.output_path)
    assert OutputReader(run.output_path).read_new() == []
    assert "printed nothing" in crash_error(run).why
