"""The worker as a real process: how runs end, and what their logs and exit codes say."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.conftest import MakeRun, records
from training_core.contract.checkpoints import best_checkpoints, list_checkpoints
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogReader
from training_core.contract.run_status import RunStatus, run_status
from training_core.models.restore import load_checkpoint

pytestmark = pytest.mark.slow

OWN = """
[data]
class = "tests.training.own_classes:Numbers"
[model]
class = "tests.training.own_classes:Line"
[trainer]
epochs = 2
accelerator = "cpu"
[tracking]
enabled = false
[export]
enabled = false
"""


def worker(run: RunDir) -> subprocess.Popen[bytes]:
    with run.output_path.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "training_core.worker", str(run.path)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def finished(run: RunDir) -> int:
    return worker(run).wait(timeout=100)


def last_state(run: RunDir) -> dict[str, Any]:
    return records(run, "state")[-1]


def wait_for_step(run: RunDir, step: int) -> None:
    reader, deadline = RunLogReader(run.log_path), time.monotonic() + 60
    while time.monotonic() < deadline:
        if any(r["kind"] == "metrics" and r["step"] >= step for r in reader.read_new()):
            return
        time.sleep(0.02)
    pytest.fail(f"step {step} was not reached: {run.output_path.read_text()}")


def test_a_run_on_sessions_finishes_and_is_judged_in_meters(make_run: MakeRun) -> None:
    run = make_run()

    assert finished(run) == 0, run.output_path.read_text()

    states = [r["status"] for r in records(run, "state")]
    assert states == ["starting", "running", "running", "finished"], "it trains, then is judged"
    assert run_status(run) is RunStatus.FINISHED
    steps = [r["step"] for r in records(run, "metrics") if "train/loss" in r["values"]]
    assert steps == list(range(1, steps[-1] + 1))
    judged = [r["values"] for r in records(run, "metrics") if "test/median_m" in r["values"]]
    assert len(judged) == 1
    assert 0.0 < judged[0]["test/median_m"] < 5000.0
    kept = list_checkpoints(run.checkpoints)
    assert len(kept) == 3
    announced = {r["path"]: r["sha256"] for r in records(run, "checkpoint")}
    assert {announced[str(run.checkpoints / s.file)] for s in kept} == {s.sha256 for s in kept}
    assert not torch.serialization.get_unsafe_globals_in_checkpoint(run.checkpoints / kept[0].file)
    origin = load_checkpoint(run.checkpoints / kept[0].file)["heimdall"]
    assert origin["run_id"] == run.id
    assert origin["network"]["kind"] == "receiver_set_net"


def test_the_best_three_and_the_last_are_kept(make_run: MakeRun) -> None:
    run = make_run("trainer.epochs=8", "optimizer.learning_rate=0.5", "early_stopping.patience=99")
    assert finished(run) == 0, run.output_path.read_text()
    losses = {r["path"]: r["metrics"]["val/loss"] for r in records(run, "checkpoint")}
    kept = {str(run.checkpoints / s.file) for s in list_checkpoints(run.checkpoints)}
    best = sorted(losses, key=lambda path: losses[path])[:3]
    assert kept == {*best, list(losses)[-1]}


def test_sigterm_stops_with_a_checkpoint(make_run: MakeRun) -> None:
    run = make_run("model.arguments={seconds=0.05}", "trainer.epochs=500", base=OWN, dataset=None)
    process = worker(run)
    wait_for_step(run, 3)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGINT)
    wait_for_step(run, 8)
    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=30) == 4

    assert last_state(run)["status"] == "stopped"
    saved = list_checkpoints(run.checkpoints)[-1]
    assert saved.step >= 8
    assert saved.file in last_state(run)["reason"]


def test_a_second_sigterm_ends_at_once(make_run: MakeRun) -> None:
    run = make_run("model.arguments={seconds=2.0}", base=OWN, dataset=None)
    process = worker(run)
    wait_for_state = time.monotonic() + 60
    while not any(r["status"] == "running" for r in records(run, "state")):
        assert time.monotonic() < wait_for_state, run.output_path.read_text()
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=10) == 130
    assert last_state(run)["status"] == "killed"


def test_a_killed_worker_leaves_a_run_that_crashed_and_can_be_resumed(make_run: MakeRun) -> None:
    run = make_run("model.arguments={seconds=0.02}", "trainer.epochs=40", base=OWN, dataset=None)
    process = worker(run)
    wait_for_step(run, 30)
    process.kill()
    process.wait()
    assert run_status(run) is RunStatus.CRASHED
    best = best_checkpoints(list_checkpoints(run.checkpoints))[0]

    (run.path / "resume.json").write_text(f'{{"checkpoint": "{run.checkpoints / best.file}"}}')
    assert finished(run) == 0, run.output_path.read_text()

    assert records(run, "resumed")[0]["step"] == best.step
    assert max(r["step"] for r in records(run, "metrics")) == 40 * 8


def test_a_diverged_loss_ends_with_exit_code_3_and_the_good_checkpoint(make_run: MakeRun) -> None:
    run = make_run("model.arguments={nan_at=12}", base=OWN, dataset=None)

    assert finished(run) == 3

    state = last_state(run)
    assert state["status"] == "failed"
    assert "step 13" in state["reason"]
    (good,) = list_checkpoints(run.checkpoints)
    assert good.file in state["reason"]
    assert records(run, "alert")[0]["name"] == "nan"


def test_diverged_weights_name_the_sessions_of_the_batch(make_run: MakeRun) -> None:
    first = make_run("trainer.epochs=1")
    assert finished(first) == 0
    path = first.checkpoints / list_checkpoints(first.checkpoints)[0].file
    broken = load_checkpoint(path)
    for name, weights in broken["state_dict"].items():
        if name.endswith("head.0.weight"):
            weights.fill_(float("nan"))
    torch.save(broken, path)

    run = make_run(f"checkpoint.init_from={path}")

    assert finished(run) == 3
    alert = records(run, "alert")[0]
    assert len(alert["session_ids"]) == 32
    assert alert["session_ids"][0] in last_state(run)["reason"]


def test_a_bug_keeps_its_traceback(make_run: MakeRun) -> None:
    run = make_run("model.arguments={bug_at=3}", base=OWN, dataset=None)

    assert finished(run) == 1

    message = records(run, "message")[-1]
    assert message["text"] == "ZeroDivisionError: a bug of the user's own"
    assert "own_classes.py" in message["detail"]


def test_a_full_disk_is_said_once_and_the_training_goes_on(
    make_run: MakeRun, small_disk: Path
) -> None:
    run = make_run(
        "trainer.epochs=6",
        "model.receiver_set_net.width=64",
        "early_stopping.enabled=false",
        f"checkpoint.directory={small_disk}",
    )

    assert finished(run) == 1

    said = [r["text"] for r in records(run, "message") if r["level"] == "warning"]
    assert sum("checkpoint could not be saved" in text for text in said) == 1
    epochs = {r["epoch"] for r in records(run, "metrics") if "val/loss" in r["values"]}
    assert epochs == set(range(6))
    assert "without a checkpoint" in last_state(run)["reason"]
    assert [path for path in small_disk.rglob("*") if path.is_file()] == []


def test_a_missing_dataset_is_an_error_with_its_exit_code(make_run: MakeRun) -> None:
    run = make_run("data.dataset=/nowhere")
    assert finished(run) == 1
    assert "There is no dataset" in last_state(run)["reason"]
    assert last_state(run)["error"]["error"] == "DatasetError"


def test_a_run_that_has_ended_is_not_trained_into_its_log_again(make_run: MakeRun) -> None:
    run = make_run(base=OWN, dataset=None)
    assert finished(run) == 0
    log = run.log_path.read_bytes()
    assert finished(run) == 2
    assert "started before" in run.output_path.read_text()
    assert run.log_path.read_bytes() == log


def test_a_metric_that_no_validation_logs_is_named(make_run: MakeRun) -> None:
    changes = ("checkpoint.monitor=val/accuracy", "checkpoint.mode=max")
    run = make_run(*changes, base=OWN, dataset=None)
    assert finished(run) == 2
    assert "expected one of" in last_state(run)["reason"]
    assert "val/loss" in last_state(run)["reason"]


def test_two_workers_cannot_write_one_run(make_run: MakeRun) -> None:
    run = make_run("model.arguments={seconds=0.05}", "trainer.epochs=500", base=OWN, dataset=None)
    first = worker(run)
    try:
        wait_for_step(run, 1)
        assert finished(run) == 2
        assert "Another worker" in run.output_path.read_text()
        assert run_status(run) is RunStatus.RUNNING
    finally:
        first.kill()
        first.wait()
