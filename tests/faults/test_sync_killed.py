"""A run trained without its server, published by syncs that are killed at any moment."""

import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from tests.publishing.models import make_export
from tests.publishing.runs import START_S, make_run, publish, run_of, start_publisher
from tests.publishing.servers import end_group, free_port, listens, mlflow_server, wait_until
from training_core.contract.files import sha256_file
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogReader, RunLogWriter
from training_core.publishing.mlflow_store import MlflowStore
from training_core.publishing.publisher_state import PublisherState, read_state

pytestmark = pytest.mark.slow

IS_FULL = os.environ.get("HEIMDALL_FULL_FAULTS") == "1"
KILLS = 20 if IS_FULL else 3
STEPS = 30_000 if IS_FULL else 2000
NAMES = ("train/loss", "train/mean_m", "val/loss")
# A part of the points is left out: what is chosen must not depend on where a publisher died.
RATE = 60.0 * len(NAMES)

StoredPoint = tuple[str, int, float, int]


@pytest.fixture
def home(isolated_home: Path) -> Path:
    """A home with an embedded database whose tables are made."""
    isolated_home.mkdir(mode=0o700)
    MlflowStore.connect("", isolated_home)
    return isolated_home


def write_log(run: RunDir, *, has_export: bool) -> None:
    """A run that crashed, went on from an earlier step with other values, and finished."""
    log = RunLogWriter(run.log_path)
    random_values = random.Random(1)

    def train(first: int, last: int, begin_s: float) -> None:
        for step in range(first, last):
            time_s = begin_s + (step - first) / 60
            values = {name: random_values.random() for name in NAMES}
            log.append("metrics", time_s=time_s, step=step, epoch=0, values=values)
            if step % 60 == 0:
                log.append("hardware", time_s=time_s, cpu_percent=50.0, rss_bytes=10**9)

    log.append("state", time_s=START_S, status="running")
    train(0, STEPS // 2, START_S)
    log.append("state", time_s=START_S + STEPS, status="running")
    log.append("resumed", time_s=START_S + STEPS, step=STEPS // 3, epoch=0, checkpoint="x.ckpt")
    train(STEPS // 3, STEPS, START_S + STEPS)
    if has_export:
        model = make_export(run.exports / "site", run_id=run.id) / "model.onnx"
        log.append(
            "artifact",
            time_s=START_S + 3 * STEPS,
            name="model.onnx",
            path="exports/site",
            sha256=sha256_file(model),
            size_bytes=model.stat().st_size,
            register={"name": "site", "alias": "challenger"},
        )
    log.append("state", time_s=START_S + 3 * STEPS, status="finished")
    log.close()


def stored_points(database: Path, mlflow_run_id: str) -> Counter[StoredPoint]:
    """Every row of the server's table of metrics: points that are there twice count twice."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT key, step, value, timestamp FROM metrics WHERE run_uuid = ?", (mlflow_run_id,)
        )
        return Counter((str(k), int(s), float(v), int(t)) for k, s, v, t in rows)


def logged_points(run: RunDir) -> set[StoredPoint]:
    """Every point of the log that may be published: of a step, the first that was written."""
    reader = RunLogReader(run.log_path)
    found: set[StoredPoint] = set()
    newest = -1
    while records := reader.read_new():
        for record in records:
            if record["kind"] == "metrics" and record["step"] > newest:
                newest = record["step"]
                time_ms = round(record["t"] * 1000)
                found |= {(n, newest, v, time_ms) for n, v in record["values"].items()}
    return found


def start_sync(run: RunDir) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "heimdall_console", "sync", run.id]
    with (run.path.parent.parent / "sync.log").open("ab") as output:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )


def publisher_of(run: RunDir) -> psutil.Process | None:
    """The living publisher of a run, as the system knows it."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            command = process.cmdline()
            is_publisher = "training_core.publishing.publisher" in command
            if is_publisher and command[-1] == str(run.path):
                return process
    return None


def has_moved_on(run: RunDir, seen: PublisherState) -> bool:
    state = read_state(run.publisher_path)
    return state.points > seen.points or state.state == "done"


def kill(process: psutil.Process | None) -> None:
    with contextlib.suppress(psutil.Error):
        if process is not None:
            process.kill()
            process.wait(10)


@pytest.mark.timeout(900 if IS_FULL else 240)
def test_every_point_is_there_exactly_once(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    database = folder / "server.db"
    shutil.copyfile(home / "mlflow.db", database)
    port = free_port()
    limits = f"max_points_per_s = {RATE}\ngive_up_after_minutes = 0.01"
    run = make_run(home, tracking=f'uri = "http://127.0.0.1:{port}"\n{limits}')
    write_log(run, has_export=True)

    gave_up = start_publisher(run)
    try:
        assert gave_up.wait(60) == 1, "there is no server while it is trained"
    finally:
        end_group(gave_up)
    assert read_state(run.publisher_path).state == "gave_up"

    server = mlflow_server(f"sqlite:///{database}", folder / "artifacts", port)
    moments = random.Random(7)
    published = []
    try:
        wait_until(lambda: listens(port), 60, "the MLflow server")
        for _ in range(KILLS):
            sync = start_sync(run)
            wait_until(lambda: publisher_of(run) is not None, 30, "the publisher of sync")
            seen = read_state(run.publisher_path)
            if moments.random() < 0.7 and seen.state != "done":
                # While points are sent; else in its first seconds, when it looks for the run.
                wait_until(lambda: has_moved_on(run, seen), 60, "a batch")  # noqa: B023
                time.sleep(moments.uniform(0.0, 0.8))
            else:
                time.sleep(moments.uniform(0.0, 4.0))
            publisher = publisher_of(run)
            for victim in moments.sample([psutil.Process(sync.pid), publisher], 2):
                kill(victim)
            sync.wait(10)
            published.append(read_state(run.publisher_path).points)
        sync = start_sync(run)
        assert sync.wait(300) == 0, read_state(run.publisher_path).waits_for
        state = read_state(run.publisher_path)
        assert state.state == "done"
        found = stored_points(database, state.mlflow_run_id)
        assert run_of(f"http://127.0.0.1:{port}", state.mlflow_run_id).info.status == "FINISHED"
        with contextlib.closing(sqlite3.connect(database)) as connection:
            [[runs]] = connection.execute("SELECT count(*) FROM runs")
            [[versions]] = connection.execute("SELECT count(*) FROM model_versions")
    finally:
        end_group(server)
    assert max(found.values()) == 1, "a row is there twice"
    steps = Counter((name, step) for name, step, _, _ in found)
    assert max(steps.values()) == 1, "a step is there with two values"
    trained = {point for point in found if not point[0].startswith("system/")}
    assert trained < logged_points(run), "thinned, and nothing invented"
    assert (runs, versions) == (1, 1)
    print(f"points noted after each kill: {published}; {len(found)} in all")
    assert state.points == len(found)

    twin = make_run(home, "20260924-120000-def456", tracking=limits)
    write_log(twin, has_export=False)
    undisturbed = publish(twin)
    expected = stored_points(home / "mlflow.db", undisturbed.mlflow_run_id)
    assert found == expected, "an undisturbed publisher chooses other points"
