"""Commands to a real worker: each is obeyed and answered, also by two ranks together."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
import torch

from tests.training.conftest import MakeRun, records
from tests.training.test_resume import last_checkpoint
from tests.training.test_worker import OWN, last_state, wait_for_step, worker
from training_core.contract.checkpoints import list_checkpoints
from training_core.contract.commands import (
    CheckpointCommand,
    Command,
    ExtendEpochsCommand,
    PauseCommand,
    ResumeCommand,
    SetLearningRateCommand,
    StopCommand,
    ValidateCommand,
    send_command,
)
from training_core.contract.ending import kill_worker
from training_core.contract.resume_request import ResumeRequest, write_resume_request
from training_core.contract.run_dir import RunDir
from training_core.contract.run_status import RunStatus, run_status
from training_core.models.restore import load_checkpoint

pytestmark = pytest.mark.slow

LONG = ["trainer.epochs=100000", "early_stopping.enabled=false"]
SLOW_OWN = ["model.arguments={seconds=0.02}", "trainer.epochs=10000"]
BOTH = [
    pytest.param(["trainer.devices=1"], id="one process"),
    pytest.param(["trainer.devices=2"], id="two ranks"),
]


def eventually(holds: Callable[[], Any], run: RunDir) -> Any:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if found := holds():
            return found
        time.sleep(0.02)
    pytest.fail(f"it never happened: {run.output_path.read_text()}\n{run.log_path.read_text()}")


def outcomes(run: RunDir, command_id: str) -> list[str]:
    return [r["outcome"] for r in records(run, "command") if r["id"] == command_id]


def answer(run: RunDir, command: Command) -> dict[str, Any]:
    """Send a command and wait for its last answer."""
    command_id = send_command(run, command)

    def answered() -> list[dict[str, Any]]:
        found = [r for r in records(run, "command") if r["id"] == command_id]
        return [r for r in found if r["outcome"] != "accepted"]

    last: dict[str, Any] = eventually(answered, run)[-1]
    return last


def step(run: RunDir) -> int:
    return max(int(r["step"]) for r in records(run, "metrics"))


def group_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return [p for p in psutil.process_iter() if is_in_group(p, process.pid)]


def is_in_group(process: psutil.Process, group: int) -> bool:
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, psutil.Error):
        return False


@pytest.fixture
def start() -> Iterator[Callable[[RunDir], subprocess.Popen[bytes]]]:
    """Start workers that do not outlive the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start_worker(run: RunDir) -> subprocess.Popen[bytes]:
        started.append(worker(run))
        return started[-1]

    yield start_worker
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.parametrize("devices", BOTH)
def test_a_run_obeys_everything(
    make_run: MakeRun, start: Callable[[RunDir], subprocess.Popen[bytes]], devices: list[str]
) -> None:
    flat = ["schedule.name=constant", "schedule.warmup_share=0"]
    run = make_run(*LONG, *devices, *flat, "optimizer.learning_rate=1e-3")
    process = start(run)
    wait_for_step(run, 20)

    assert answer(run, PauseCommand())["outcome"] == "done"
    eventually(lambda: run_status(run) is RunStatus.PAUSED, run)
    where = step(run)
    assert answer(run, PauseCommand())["reason"] == "It is paused already"
    assert answer(run, ValidateCommand())["outcome"] == "refused"
    assert answer(run, SetLearningRateCommand(value=1e-4))["outcome"] == "done"
    assert step(run) == where, "a paused run trained on"
    assert answer(run, ResumeCommand())["outcome"] == "done"
    assert answer(run, ResumeCommand())["reason"] == "It is not paused"
    eventually(lambda: step(run) > where + 10, run)
    later = [r["values"] for r in records(run, "metrics") if r["step"] > where + 2]
    rates = {values["learning_rate"] for values in later if "learning_rate" in values}
    assert list(rates) == [pytest.approx(1e-4)]

    saved = answer(run, CheckpointCommand())
    assert saved["outcome"] == "done"
    assert saved["reason"] in [s.file for s in list_checkpoints(run.checkpoints)]

    validated = answer(run, ValidateCommand())
    assert validated["outcome"] == "done"

    assert answer(run, ExtendEpochsCommand(epochs=1))["outcome"] == "refused"
    assert answer(run, ExtendEpochsCommand(epochs=200_000))["outcome"] == "done"
    eventually(lambda: records(run, "task")[-1]["epochs"] == 200_000, run)

    (run.commands / "garbage.json").write_bytes(b"\xff{")
    eventually(lambda: outcomes(run, "garbage") == ["refused"], run)
    eventually(lambda: not list(run.commands.iterdir()), run)

    stopped = send_command(run, StopCommand(when="epoch"))
    assert process.wait(timeout=60) == 4
    assert outcomes(run, stopped) == ["accepted", "done"]
    assert run_status(run) is RunStatus.STOPPED
    assert last_state(run)["summary"]["epochs"] == 200_000
    # What a person asked for is kept, whatever came after it.
    assert saved["reason"] in [s.file for s in list_checkpoints(run.checkpoints)]
    eventually(lambda: not group_of(process), run)


def test_a_validation_on_request_judges_nothing(
    make_run: MakeRun, start: Callable[[RunDir], subprocess.Popen[bytes]]
) -> None:
    run = make_run(*SLOW_OWN, base=OWN, dataset=None)
    process = start(run)
    wait_for_step(run, 2)
    assert answer(run, ValidateCommand())["outcome"] == "done"
    process.terminate()
    assert process.wait(timeout=30) == 4
    validations = [r for r in records(run, "metrics") if "val_loss" in r["values"]]
    requested = [r["step"] for r in validations if r.get("on_request")]
    judged = [r["step"] for r in records(run, "checkpoint") if r["reason"] == "validation"]
    assert not set(requested) & set(judged)


@pytest.mark.parametrize("devices", BOTH)
@pytest.mark.parametrize("while_paused", [False, True])
def test_a_signal_stops_with_a_checkpoint(
    make_run: MakeRun,
    start: Callable[[RunDir], subprocess.Popen[bytes]],
    devices: list[str],
    while_paused: bool,
) -> None:
    run = make_run(*LONG, *devices)
    process = start(run)
    wait_for_step(run, 10)
    if while_paused:
        answer(run, PauseCommand())
    process.terminate()
    assert process.wait(timeout=60) == 4
    assert last_state(run)["status"] == "stopped"
    assert list_checkpoints(run.checkpoints)[-1].step == last_state(run)["summary"]["step"]
    eventually(lambda: not group_of(process), run)


@pytest.mark.parametrize("devices", BOTH)
def test_killing_leaves_no_process(
    make_run: MakeRun, start: Callable[[RunDir], subprocess.Popen[bytes]], devices: list[str]
) -> None:
    run = make_run(*LONG, *devices)
    process = start(run)
    wait_for_step(run, 10)
    assert kill_worker(run, "by a test")
    process.wait(timeout=10)
    assert run_status(run) is RunStatus.KILLED
    eventually(lambda: not group_of(process), run)


def test_no_rank_survives_another(
    make_run: MakeRun, start: Callable[[RunDir], subprocess.Popen[bytes]]
) -> None:
    run = make_run(*LONG, "trainer.devices=2")
    process = start(run)
    wait_for_step(run, 10)
    (other,) = [p for p in group_of(process) if p.pid != process.pid]
    other.kill()
    assert process.wait(timeout=30) == 1
    assert last_state(run)["status"] == "failed"
    assert "output.rank1.log" in last_state(run)["reason"]

    write_resume_request(run, ResumeRequest(checkpoint=str(last_checkpoint(run))))
    reached = step(run)
    process = start(run)
    eventually(lambda: step(run) > reached, run)
    assert len(group_of(process)) == 2
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=10)
    eventually(lambda: not group_of(process), run)
    assert run_status(run) is RunStatus.CRASHED


def test_a_command_for_an_earlier_worker_is_answered(
    make_run: MakeRun, start: Callable[[RunDir], subprocess.Popen[bytes]]
) -> None:
    run = make_run("trainer.epochs=2")
    assert start(run).wait(timeout=60) == 0
    late = send_command(run, CheckpointCommand())
    write_resume_request(run, ResumeRequest(checkpoint=str(last_checkpoint(run)), epochs=4))
    assert start(run).wait(timeout=60) == 0
    assert outcomes(run, late) == ["refused"]
    # The run went on for two more epochs, with its curves joined.
    assert last_state(run)["summary"]["epochs"] == 4
    epochs = [r["epoch"] for r in records(run, "metrics") if "train/loss" in r["values"]]
    assert sorted(set(epochs)) == [0, 1, 2, 3]
    assert not run.resume_path.exists()


@pytest.mark.timeout(300)
def test_two_ranks_resume_bit_for_bit(
    make_run: MakeRun, start: Callable[[RunDir], subprocess.Popen[bytes]]
) -> None:
    changes = ["trainer.epochs=60", "early_stopping.enabled=false", "trainer.devices=2"]
    whole, run = make_run(*changes), make_run(*changes)
    assert start(whole).wait(timeout=90) == 0, whole.output_path.read_text()
    process = start(run)
    wait_for_step(run, 20)
    process.terminate()
    assert process.wait(timeout=30) == 4
    write_resume_request(run, ResumeRequest(checkpoint=str(last_checkpoint(run))))
    assert start(run).wait(timeout=90) == 0, run.output_path.read_text()
    ended, undisturbed = (load_checkpoint(last_checkpoint(r)) for r in (run, whole))
    assert ended["global_step"] == undisturbed["global_step"]
    assert all(
        torch.equal(weights, ended["state_dict"][name])
        for name, weights in undisturbed["state_dict"].items()
    )


def test_torchrun_starts_the_ranks_too(make_run: MakeRun) -> None:
    run = make_run("trainer.devices=2", "trainer.epochs=2")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*torchrun, "--nproc-per-node=2", "-m", "training_core.worker", str(run.path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    states = [r["status"] for r in records(run, "state")]
    assert states == ["starting", "running", "running", "finished"], "it trains, then is judged"
    steps = [r["step"] for r in records(run, "metrics") if "train/loss" in r["values"]]
    assert steps == list(range(1, steps[-1] + 1))
