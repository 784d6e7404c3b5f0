"""A worker killed -9 again and again: every log and announced checkpoint stays whole."""

import os
import random
import signal
import time
from pathlib import Path

import pytest
import torch

from tests.training.conftest import MakeRun
from tests.training.test_worker import finished, worker
from training_core.contract.checkpoints import list_checkpoints
from training_core.contract.files import sha256_file
from training_core.contract.resume_request import ResumeRequest, write_resume_request
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogReader
from training_core.contract.run_status import RunStatus, run_status
from training_core.models.restore import load_checkpoint

KILLS = 100 if os.environ.get("HEIMDALL_FULL_FAULTS") else 3
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + 30 * KILLS)]
# Long enough that the kills fall into the training and not behind it.
EPOCHS = 40 + 12 * KILLS
SEED = 20261124


def last_checkpoint(run: RunDir) -> Path | None:
    found = list_checkpoints(run.checkpoints)
    return run.checkpoints / found[-1].file if found else None


def kill_at_random(run: RunDir, moments: random.Random) -> bool:
    """Start a worker, kill it; False where it ended before."""
    size = run.log_path.stat().st_size if run.log_path.exists() else 0
    reader = RunLogReader(run.log_path, size)
    process = worker(run)
    if moments.random() < 0.25:
        time.sleep(moments.uniform(0.0, 4.0))
    else:
        deadline = time.monotonic() + 60
        while not any(r.get("status") == "running" for r in reader.read_new()):
            if process.poll() is not None or time.monotonic() > deadline:
                break
            time.sleep(0.02)
        time.sleep(moments.uniform(0.0, 1.0))
    if process.poll() is not None:
        return False
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return True


def refuse_any_loss(run: RunDir) -> None:
    """Every record is readable but for one torn line a kill, every checkpoint as announced."""
    reader = RunLogReader(run.log_path)
    announced: dict[str, str] = {}
    while found := reader.read_new():
        for record in found:
            if record["kind"] == "checkpoint":
                announced[record["path"]] = record["sha256"]
                for name in record["removed"]:
                    announced.pop(str(run.checkpoints / name), None)
    assert reader.broken == 0
    for path, sha256 in announced.items():
        assert sha256_file(Path(path)) == sha256, f"{path} is not what was announced"
        load_checkpoint(Path(path))


def test_a_killed_worker_loses_nothing_and_ends_as_if_undisturbed(make_run: MakeRun) -> None:
    changes = [f"trainer.epochs={EPOCHS}", "early_stopping.enabled=false"]
    whole = make_run(*changes)
    assert finished(whole) == 0, whole.output_path.read_text()

    run, moments, kills = make_run(*changes), random.Random(SEED), 0
    while kills < KILLS and kill_at_random(run, moments):
        kills += 1
        refuse_any_loss(run)
        assert run_status(run) in (RunStatus.CRASHED, RunStatus.QUEUED)
        checkpoint = last_checkpoint(run)
        write_resume_request(run, ResumeRequest(checkpoint=str(checkpoint or "")))
    assert kills == KILLS, f"the run ended after {kills} kills"
    assert finished(run) == 0, run.output_path.read_text()

    last, expected = last_checkpoint(run), last_checkpoint(whole)
    assert last is not None
    assert expected is not None
    ended, undisturbed = load_checkpoint(last), load_checkpoint(expected)
    assert ended["global_step"] == undisturbed["global_step"]
    for name, weights in undisturbed["state_dict"].items():
        assert torch.equal(weights, ended["state_dict"][name]), name
    # The joined curve holds every step once.
    steps: dict[int, int] = {}
    for record in RunLogReader(run.log_path).read_new():
        if record["kind"] == "resumed":
            steps = {step: n for step, n in steps.items() if step <= record["step"]}
        elif record["kind"] == "metrics" and "train/loss" in record["values"]:
            steps[record["step"]] = steps.get(record["step"], 0) + 1
    assert steps == dict.fromkeys(range(1, undisturbed["global_step"] + 1), 1)
