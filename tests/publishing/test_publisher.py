"""Publishers as real processes, into the embedded database and through real servers."""

import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.publishing.runs import (
    START_S,
    LiveWorker,
    artifacts_of,
    assert_every_step_once,
    embedded,
    finished_run,
    history,
    log_steps,
    make_run,
    publish,
    run_of,
    start_publisher,
)
from tests.publishing.servers import end_group, free_port, listens, mlflow_server, wait_until
from training_core.contract.checkpoints import CheckpointSidecar, write_sidecar
from training_core.contract.files import sha256_file
from training_core.contract.run_log import RunLogWriter
from training_core.publishing.publisher_state import read_state

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("status", "published"),
    [("finished", "FINISHED"), ("stopped", "KILLED"), ("failed", "FAILED")],
)
def test_a_run_is_published_whole_with_its_final_status(
    home: Path, status: str, published: str
) -> None:
    run = finished_run(home, status=status, optimizer="learning_rate = 0.002")
    state = publish(run)
    assert_every_step_once(embedded(home), state.mlflow_run_id, 20)
    found = run_of(embedded(home), state.mlflow_run_id)
    assert found.info.status == published
    assert found.info.end_time == round((START_S + 20) * 1000)
    assert found.info.start_time == round(START_S * 1000)
    assert found.info.run_name == run.read_info().name
    assert found.data.params["optimizer.learning_rate"] == "0.002"
    assert found.data.params["trainer.epochs"] == "100"
    tags = found.data.tags
    assert tags["heimdall.run_id"] == run.id
    assert tags["heimdall.parent"] == "20260923-120000-000000"
    assert tags["heimdall.git_dirty"] == "true"
    assert tags["heimdall.version.torch"] == "2.13.0"
    assert tags["mlflow.source.git.commit"] == "0123456789abcdef"
    assert artifacts_of(embedded(home), state.mlflow_run_id) == ["config.toml", "run.json"]
    assert (state.offset, state.points) == (run.log_path.stat().st_size, 20)


def test_a_run_whose_worker_is_gone_without_an_end_is_failed(home: Path) -> None:
    run = make_run(home)
    with RunLogWriter(run.log_path) as log:
        log.append("state", time_s=START_S, status="running")
        log_steps(log, 0, 3)
    state = publish(run)
    found = run_of(embedded(home), state.mlflow_run_id)
    assert found.info.status == "FAILED"
    assert found.data.tags["heimdall.status"] == "crashed"
    assert found.info.end_time == round((START_S + 0.2) * 1000)


def test_publishing_again_adds_nothing(home: Path) -> None:
    run = finished_run(home)
    first = publish(run)
    again = publish(run)
    assert again.mlflow_run_id == first.mlflow_run_id
    run.publisher_path.unlink()
    without_state = publish(run)
    assert without_state.mlflow_run_id == first.mlflow_run_id, "found by the tag of our run id"
    run.publisher_path.write_text("{ damaged")
    assert publish(run).mlflow_run_id == first.mlflow_run_id
    assert_every_step_once(embedded(home), first.mlflow_run_id, 20)


def test_a_live_run_is_followed_and_a_resume_never_repeats_a_step(home: Path) -> None:
    run = make_run(home)
    worker = LiveWorker(run)
    worker.log.append("state", time_s=START_S, status="running")
    log_steps(worker.log, 0, 30)
    process = start_publisher(run)
    try:
        wait_until(lambda: read_state(run.publisher_path).points == 30, 40, "30 points")
        state = read_state(run.publisher_path)
        assert run_of(embedded(home), state.mlflow_run_id).info.status == "RUNNING"
        worker.log.append("resumed", step=20, epoch=0, checkpoint="x.ckpt")
        for step in range(20, 50):
            value = float(step) if step >= 30 else -1.0
            worker.log.append(
                "metrics",
                time_s=START_S + step / 10,
                step=step,
                epoch=0,
                values={"train/loss": value},
            )
        worker.log.append("state", time_s=START_S + 60, status="stopped")
        worker.leave()
        process.wait(40)
        assert_every_step_once(embedded(home), state.mlflow_run_id, 50)
        assert run_of(embedded(home), state.mlflow_run_id).info.status == "KILLED"

        worker = LiveWorker(run)
        worker.log.append("state", time_s=START_S + 70, status="running")
        log_steps(worker.log, 50, 5)
        worker.log.append("state", time_s=START_S + 80, status="finished")
        worker.leave()
        publish(run)
        assert_every_step_once(embedded(home), state.mlflow_run_id, 55)
        assert run_of(embedded(home), state.mlflow_run_id).info.status == "FINISHED"
    finally:
        end_group(process)


def test_odd_values_and_names_arrive(home: Path) -> None:
    run = make_run(home)
    names = {"loss[0]": 1.0, "loss(0)": 2.0, "a//b": 3.0, "../up": 4.0, "plain": 5.0}
    with RunLogWriter(run.log_path) as log:
        log.append("state", time_s=START_S, status="running")
        log.append("metrics", time_s=START_S, step=1, epoch=0, values=names)
        odd = {"nan": "NaN", "up": "Infinity", "down": "-Infinity", "text": "oops", "none": None}
        log.append("metrics", time_s=START_S, step=2, epoch=0, values=odd)
        log.append("unknown", time_s=START_S, whatever=1)  # type: ignore[arg-type]
        log.append("state", time_s=START_S + 1, status="finished")
    with run.log_path.open("ab") as file:
        file.write(b'not json\n{"kind": "metr')
    state = publish(run)
    found = run_of(embedded(home), state.mlflow_run_id).data
    assert found.metrics["loss_0_"] == 1.0
    assert found.metrics["loss_0__2"] == 2.0
    assert (found.metrics["a/b"], found.metrics["plain"]) == (3.0, 5.0)
    # `../up` came first under that name; the infinite one had to take another.
    assert (found.metrics["up"], found.metrics["up_2"]) == (4.0, 1.7976931348623157e308) or (
        found.metrics[".._up"]
    ) == 4.0
    assert found.metrics["nan"] != found.metrics["nan"]
    assert found.metrics["down"] == -1.7976931348623157e308
    assert "text" not in found.metrics
    assert '"loss_0_":"loss[0]"' in found.tags["heimdall.metric_names"]
    assert state.names["loss[0]"] == "loss_0_"


def test_the_best_and_the_last_checkpoint_become_artifacts(home: Path) -> None:
    run = finished_run(home)
    for step, loss in ((10, 0.5), (20, 0.2), (30, 0.4)):
        path = run.checkpoints / f"step={step}.ckpt"
        path.write_bytes(b"weights of %d" % step)
        write_sidecar(
            run.checkpoints,
            CheckpointSidecar(
                file=path.name,
                step=step,
                epoch=0,
                metrics={"val/loss": loss},
                monitor="val/loss",
                size_bytes=path.stat().st_size,
                sha256=sha256_file(path),
                created=START_S + step,
                run_id=run.id,
            ),
        )
    state = publish(run)
    assert artifacts_of(embedded(home), state.mlflow_run_id, "checkpoints") == [
        f"checkpoints/step={step}.ckpt{end}" for step in (20, 30) for end in ("", ".json")
    ]
    tags = run_of(embedded(home), state.mlflow_run_id).data.tags
    assert tags["heimdall.checkpoint_best"] == "step=20.ckpt"
    assert tags["heimdall.checkpoint_last"] == "step=30.ckpt"


def test_through_a_server_every_point_arrives_once(home: Path, mlflow_uri: str) -> None:
    run = make_run(home, tracking=f'uri = "{mlflow_uri}"')
    with RunLogWriter(run.log_path) as log:
        log.append("state", time_s=START_S, status="running")
        log_steps(log, 0, 1200, ("train/loss", "train/mean_m"))
        log.append("state", time_s=START_S + 200, status="finished")
    state = publish(run)
    for name, shift in (("train/loss", 0.0), ("train/mean_m", 0.1)):
        assert_every_step_once(mlflow_uri, state.mlflow_run_id, 1200, name, shift)
    assert "config.toml" in artifacts_of(mlflow_uri, state.mlflow_run_id)
    assert not (home / "artifacts" / "runs").exists()


@pytest.mark.timeout(240)
def test_a_server_on_postgresql_that_comes_late_gets_everything_once(
    home: Path, tmp_path: Path, postgresql_uri: str
) -> None:
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    run = finished_run(home, 100, "stopped", tracking=f'uri = "{uri}"')
    with RunLogWriter(run.log_path) as log:
        odd = {"nan": "NaN", "up": "Infinity"}
        log.append("metrics", time_s=START_S, step=101, epoch=0, values=odd)
    process = start_publisher(run)
    server: subprocess.Popen[bytes] | None = None
    try:
        wait_until(lambda: read_state(run.publisher_path).state == "retrying", 60, "a failure")
        state = read_state(run.publisher_path)
        assert "Nothing listens" in state.waits_for
        assert state.next_attempt is not None
        (tmp_path / "late").mkdir()
        server = mlflow_server(postgresql_uri, tmp_path / "late" / "artifacts", port)
        wait_until(lambda: listens(port), 120, "the MLflow server on PostgreSQL")
        process.wait(120)
        state = read_state(run.publisher_path)
        assert state.state == "done", state.waits_for
        assert_every_step_once(uri, state.mlflow_run_id, 100)
        found = run_of(uri, state.mlflow_run_id)
        assert found.info.status == "KILLED"
        assert found.data.metrics["nan"] != found.data.metrics["nan"]
        assert found.data.metrics["up"] == 1.7976931348623157e308
        run.publisher_path.unlink()
        assert publish(run).mlflow_run_id == state.mlflow_run_id
        assert_every_step_once(uri, state.mlflow_run_id, 100)
    finally:
        end_group(process)
        if server is not None:
            end_group(server)


def test_a_server_that_is_never_there_is_given_up_and_said(home: Path) -> None:
    tracking = f'uri = "http://127.0.0.1:{free_port()}"\ngive_up_after_minutes = 0.02'
    run = finished_run(home, tracking=tracking)
    process = start_publisher(run)
    try:
        assert process.wait(40) == 1
    finally:
        end_group(process)
    state = read_state(run.publisher_path)
    assert state.state == "gave_up"
    assert state.waits_for
    assert (state.offset, state.points) == (0, 0)


def test_a_server_that_never_answers_is_not_waited_for_long(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        run = finished_run(home, tracking=f'uri = "{uri}"\ngive_up_after_minutes = 0.02')
        process = start_publisher(run)
        try:
            assert process.wait(40) == 1
        finally:
            end_group(process)
    assert "did not answer in time" in read_state(run.publisher_path).waits_for


def test_a_killed_publisher_goes_on_and_nothing_is_twice(home: Path) -> None:
    run = make_run(home, tracking="max_points_per_s = 1000000.0")
    worker = LiveWorker(run)
    worker.log.append("state", time_s=START_S, status="running")
    steps, names = 6000, ("train/loss", "train/mean_m")

    def write() -> None:
        for first in range(0, steps, 100):
            log_steps(worker.log, first, 100, names)
            time.sleep(0.1)

    writing = threading.Thread(target=write)
    writing.start()
    moments = random.Random(5)
    try:
        for _ in range(3):
            process = start_publisher(run)
            seen = read_state(run.publisher_path).points
            wait_until(lambda: read_state(run.publisher_path).points > seen, 40, "points")  # noqa: B023
            time.sleep(moments.uniform(0.0, 1.0))
            process.send_signal(signal.SIGKILL)
            process.wait()
    finally:
        writing.join()
    worker.log.append("state", time_s=START_S + steps, status="finished")
    worker.leave()
    state = publish(run)
    for name, shift in (("train/loss", 0.0), ("train/mean_m", 0.1)):
        assert_every_step_once(embedded(home), state.mlflow_run_id, steps, name, shift)


def test_a_fast_run_is_thinned_with_its_ends_and_extremes(home: Path) -> None:
    run = make_run(home, tracking="max_points_per_s = 20.0")
    with RunLogWriter(run.log_path) as log:
        log.append("state", time_s=START_S, status="running")
        for step in range(5000):
            value = {1234: 99.0, 3210: -99.0}.get(step, 0.5 + 0.01 * (step % 7))
            log.append(
                "metrics", time_s=START_S + step / 500, step=step, epoch=0, values={"loss": value}
            )
        log.append("state", time_s=START_S + 11, status="finished")
    state = publish(run)
    found = history(embedded(home), state.mlflow_run_id, "loss")
    steps = {step for step, _, _ in found}
    assert {0, 1234, 3210, 4999} <= steps
    assert 150 <= len(found) <= 220, "10 s at 20 points a second"
    assert state.points + state.thinned == 5000


def test_only_one_publisher_works_on_a_run(home: Path) -> None:
    run = make_run(home)
    worker = LiveWorker(run)
    worker.log.append("state", time_s=START_S, status="running")
    first = start_publisher(run)
    try:
        wait_until(lambda: read_state(run.publisher_path).state == "publishing", 40, "the first")
        second = start_publisher(run)
        assert second.wait(40) == 0
        assert first.poll() is None
        assert read_state(run.publisher_path).pid == first.pid
        worker.log.append("state", time_s=START_S, status="finished")
        worker.leave()
        assert first.wait(40) == 0
    finally:
        end_group(first)


def test_the_publisher_is_polite_and_never_loads_torch(home: Path) -> None:
    run = finished_run(home)
    code = (
        "import os, sys\n"
        "from training_core.publishing.publisher import main\n"
        f"assert main([{str(run.path)!r}]) == 0\n"
        "assert os.nice(0) == 19, os.nice(0)\n"
        "import training_core.publishing.registry, training_core.publishing.object_store\n"
        "import training_core.publishing.inference, training_core.publishing.jobs\n"
        "loaded = {'torch', 'pytorch_lightning'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert read_state(run.publisher_path).state == "done"


def test_a_directory_that_is_no_run_is_said(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "training_core.publishing.publisher", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "is not a run" in done.stderr
