"""Runs whose worker or publisher was killed: MLflow never shows them as running for long."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from heimdall_console.owed_publishing import owing_runs, start_owed_publishers
from heimdall_console.publishing_state import read_publishing
from tests.console.programs import heimdall
from tests.publishing.runs import (
    START_S,
    LiveWorker,
    embedded,
    finished_run,
    history,
    log_steps,
    make_run,
    publish,
    run_of,
    start_publisher,
    start_training,
)
from tests.publishing.servers import end_group, free_port, wait_until
from training_core.contract.ending import kill_worker
from training_core.contract.lock import is_locked
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogWriter
from training_core.publishing.publisher_state import read_state

pytestmark = pytest.mark.slow


def status_of(home: Path, run: RunDir) -> str:
    state = read_state(run.publisher_path)
    return str(run_of(embedded(home), state.mlflow_run_id).info.status)


def wait_for_end(run: RunDir) -> None:
    wait_until(lambda: read_state(run.publisher_path).state == "done", 60, "the publisher's end")
    wait_until(lambda: not is_locked(run.publisher_lock_path), 20, "the publisher to leave")


@pytest.mark.parametrize(
    ("is_asked", "expected", "said"),
    [(True, "KILLED", "killed"), (False, "FAILED", "crashed")],
    ids=["killed by a person", "crashed"],
)
def test_a_dead_worker_s_run_ends_in_mlflow_within_ten_seconds(
    home: Path, is_asked: bool, expected: str, said: str
) -> None:
    run = make_run(home)
    worker = start_training(run)
    publisher = start_publisher(run)
    try:
        wait_until(lambda: read_state(run.publisher_path).points > 0, 60, "points")
        assert status_of(home, run) == "RUNNING"
        died = time.monotonic()
        if is_asked:
            assert kill_worker(run, "killed by a test")
        else:
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait(10)
        wait_until(lambda: status_of(home, run) == expected, 10, f"{expected} in MLflow")
        print(f"{expected} {time.monotonic() - died:.1f} s after the death")
        assert publisher.wait(20) == 0
    finally:
        end_group(worker)
        end_group(publisher)
    state = read_state(run.publisher_path)
    found = run_of(embedded(home), state.mlflow_run_id)
    assert found.data.tags["heimdall.status"] == said
    assert start_owed_publishers(home) == []


def test_a_run_whose_publisher_died_too_is_repaired_when_anything_looks(home: Path) -> None:
    run, never_started = make_run(home), make_run(home, "20260924-120000-def456")
    with RunLogWriter(never_started.log_path) as log:
        log.append("state", time_s=START_S, status="running")
        log_steps(log, 0, 5)
    worker = start_training(run)
    publisher = start_publisher(run)
    try:
        wait_until(lambda: read_state(run.publisher_path).points > 0, 60, "points")
        assert run.id not in start_owed_publishers(home), "it is being trained and published"
        publisher.send_signal(signal.SIGKILL)
        publisher.wait()
    finally:
        end_group(worker)
        end_group(publisher)
    assert status_of(home, run) == "RUNNING"
    assert run.id in {entry.run.id for entry in owing_runs(home)}
    wait_for_end(never_started)
    assert start_owed_publishers(home) == [run.id]
    assert start_owed_publishers(home) == [], "one at a time for a run"
    wait_for_end(run)
    assert (status_of(home, run), status_of(home, never_started)) == ("FAILED", "FAILED")
    assert start_owed_publishers(home) == []
    assert owing_runs(home) == []


@pytest.mark.parametrize(
    "command", [("runs", "list"), ("runs", "show", "@last"), ("runs", "watch"), ("attach", "@last")]
)
def test_whoever_looks_has_what_is_owed_published(home: Path, command: tuple[str, ...]) -> None:
    run = finished_run(home, 3)
    heimdall(*command)
    wait_for_end(run)
    assert status_of(home, run) == "FINISHED"


def test_only_a_few_publishers_at_once_and_none_for_a_disabled_run(home: Path) -> None:
    ids = [f"20260924-120000-00000{place}" for place in range(4)]
    runs = [finished_run(home, 3, run_id=run_id) for run_id in ids]
    finished_run(home, 3, run_id="20260924-120000-00000f", tracking="enabled = false")
    trained = make_run(home, "20260924-120000-00000e")
    worker = start_training(trained)
    follower = start_publisher(trained)
    wait_until(lambda: read_state(trained.publisher_path).points > 0, 60, "a live run's points")
    waiting = set(ids)
    deadline = time.monotonic() + 90
    while waiting:
        assert time.monotonic() < deadline
        started = start_owed_publishers(home)
        assert len(started) <= 2
        assert set(started) <= waiting, "a run that was started already is left alone"
        waiting -= set(started)
        assert sum(is_locked(run.publisher_lock_path) for run in runs) <= 2
        time.sleep(0.2)
    end_group(worker)
    for run in (*runs, trained):
        wait_for_end(run)
    assert follower.wait(10) == 0
    assert owing_runs(home) == []
    assert start_owed_publishers(home) == []


def test_a_server_that_was_down_is_not_asked_at_every_look(home: Path) -> None:
    tracking = f'uri = "http://127.0.0.1:{free_port()}"\ngive_up_after_minutes = 0.01'
    run = finished_run(home, tracking=tracking)
    for give_ups in (1, 2):
        process = start_publisher(run)
        try:
            assert process.wait(60) == 1
        finally:
            end_group(process)
        state = read_state(run.publisher_path)
        assert state.give_ups == give_ups
        assert state.next_attempt is not None
        assert 500 * give_ups < state.next_attempt - time.time() <= 600 * give_ups
        assert start_owed_publishers(home) == []
        assert [entry.publishing.state for entry in owing_runs(home)] == ["gave_up"]
    shutil.rmtree(home / "cache")
    assert start_owed_publishers(home) == [], "publisher.json says it too"
    state.next_attempt = time.time() - 1
    state.write(run.publisher_path)
    shutil.rmtree(home / "cache")
    assert start_owed_publishers(home) == [run.id]
    wait_until(lambda: read_state(run.publisher_path).give_ups == 3, 60, "another attempt")


def test_a_log_that_grew_after_its_publisher_left_is_owed(home: Path) -> None:
    run = make_run(home)
    with RunLogWriter(run.log_path) as log:
        log.append("state", time_s=START_S, status="running")
        log_steps(log, 0, 3)
    with run.log_path.open("ab") as file:
        file.write(b'{"v":1,"t":17900000')
    publish(run)
    assert start_owed_publishers(home) == [], "an unfinished line is not owed"
    with RunLogWriter(run.log_path) as log:
        log.append("state", time_s=START_S + 5, status="killed")
    assert start_owed_publishers(home) == [run.id]
    wait_until(lambda: status_of(home, run) == "KILLED", 60, "KILLED in MLflow")
    wait_for_end(run)


def test_a_finished_run_that_goes_on_is_running_again_until_its_end(home: Path) -> None:
    run = finished_run(home)
    first = publish(run)
    assert status_of(home, run) == "FINISHED"
    worker = LiveWorker(run)
    worker.log.append("state", time_s=START_S + 30, status="running")
    log_steps(worker.log, 20, 5)
    process = start_publisher(run)
    try:
        wait_until(lambda: status_of(home, run) == "RUNNING", 60, "RUNNING again")
        worker.log.append("state", time_s=START_S + 35, status="paused")
        wait_until(
            lambda: (
                run_of(embedded(home), first.mlflow_run_id).data.tags["heimdall.status"] == "paused"
            ),
            20,
            "the pause",
        )
        assert status_of(home, run) == "RUNNING"
        wait_until(lambda: read_state(run.publisher_path).points == 25, 20, "the last points")
        assert "up to date" in read_publishing(run).text()
        worker.log.append("state", time_s=START_S + 40, status="finished")
        worker.leave()
        assert process.wait(40) == 0
    finally:
        end_group(process)
    found = run_of(embedded(home), first.mlflow_run_id)
    assert (found.info.status, found.info.end_time) == ("FINISHED", round((START_S + 40) * 1000))
    assert found.data.tags["heimdall.status"] == "finished"


def test_a_directory_that_is_removed_ends_its_publisher_quietly(home: Path) -> None:
    run = make_run(home)
    worker = start_training(run)
    process = start_publisher(run)
    try:
        wait_until(lambda: read_state(run.publisher_path).points > 0, 60, "points")
        output = home / "said.log"
        os.link(run.path / "publisher.log", output)
        end_group(worker)
        shutil.rmtree(run.path)
        assert process.wait(40) == 0
        assert output.read_text() == ""
    finally:
        end_group(worker)
        end_group(process)
    assert not run.path.exists()


def test_a_full_disk_for_its_state_does_not_end_a_publisher(home: Path, mlflow_uri: str) -> None:
    run = finished_run(home, 30, tracking=f'uri = "{mlflow_uri}"')
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    done = subprocess.run(
        [sys.executable, "-m", "training_core.publishing.publisher", str(run.path)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard)),
        capture_output=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not run.publisher_path.exists()
    assert [entry.run.id for entry in owing_runs(home)] == [run.id], "nobody knows that it is done"
    state = publish(run)
    assert state.points == 30
    found = run_of(mlflow_uri, state.mlflow_run_id)
    assert (found.info.status, found.data.metrics["train/loss"]) == ("FINISHED", 29.0)


def test_times_are_those_of_the_records_whatever_the_clock_did(home: Path) -> None:
    run = make_run(home)
    times = [START_S, START_S + 1, START_S - 3600, START_S - 3599, START_S + 2]
    with RunLogWriter(run.log_path) as log:
        log.append("state", time_s=START_S, status="running")
        for step, time_s in enumerate(times):
            log.append("metrics", time_s=time_s, step=step, epoch=0, values={"loss": float(step)})
        log.append("state", time_s=START_S - 3000, status="finished")
    state = publish(run)
    found = history(embedded(home), state.mlflow_run_id, "loss")
    assert found == [(s, float(s), round(t * 1000)) for s, t in enumerate(times)]
