"""The command `sync`, as a person or a script uses it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.publishing.runs import LiveWorker, finished_run, make_run, run_of, start_publisher
from tests.publishing.servers import end_group, free_port, wait_until
from training_core.contract.lock import is_locked
from training_core.publishing.publisher_state import read_state

pytestmark = pytest.mark.slow

FIRST, SECOND, DISABLED = (f"20260924-12000{place}-aaaaaa" for place in range(3))


def sync(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "heimdall_console", "sync", *arguments],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def sync_json(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    done = sync(*arguments, "--json")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return done.returncode, found


def test_what_is_owed_is_said_and_published_run_by_run(home: Path) -> None:
    first, second = finished_run(home, run_id=FIRST), finished_run(home, run_id=SECOND)
    disabled = finished_run(home, run_id=DISABLED, tracking="enabled = false")

    asked = sync()
    assert asked.returncode == 0
    assert [line.split()[0] for line in asked.stdout.splitlines()] == [FIRST, SECOND, "2"]
    assert "2 runs to publish" in asked.stdout
    code, owed = sync_json()
    assert (code, [entry["run_id"] for entry in owed]) == (0, [FIRST, SECOND])
    assert not first.publisher_path.exists(), "asking publishes nothing"

    done = sync("--all")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"1/2  {FIRST} in MLflow",
        f"2/2  {SECOND} in MLflow",
    ]
    assert read_state(second.publisher_path).final_status == "FINISHED"
    assert not disabled.publisher_path.exists()
    assert sync("--all").stdout == "Nothing is owed: everything is published.\n"
    assert sync_json() == (0, [])

    named = sync(DISABLED)
    assert (named.returncode, named.stdout) == (0, f"{DISABLED} in MLflow\n")
    state = read_state(disabled.publisher_path)
    found = run_of(f"sqlite:///{home / 'mlflow.db'}", state.mlflow_run_id)
    assert found.info.status == "FINISHED"
    code, [again] = sync_json(FIRST)
    assert (code, again["state"], again["behind_bytes"]) == (0, "done", 0)


def test_a_server_that_is_down_keeps_nobody_else_waiting(home: Path) -> None:
    tracking = f'uri = "http://127.0.0.1:{free_port()}"\ngive_up_after_minutes = 0.01'
    finished_run(home, run_id=FIRST, tracking=tracking)
    finished_run(home, run_id=SECOND, tracking=tracking)
    third = finished_run(home, run_id=DISABLED)
    done = sync("--all")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"1/3  {FIRST} not published: ")
    assert "Nothing listens" in lines[0]
    assert lines[1].startswith(f"2/3  {SECOND} not tried: http://127.0.0.1")
    assert lines[2] == f"3/3  {DISABLED} in MLflow"
    assert "goes on where it stopped" in lines[3]
    assert read_state(third.publisher_path).state == "done"
    code, owed = sync_json()
    assert (code, [entry["run_id"] for entry in owed]) == (0, [FIRST, SECOND])
    assert owed[0]["next_attempt"] > 0


def test_a_run_that_is_being_trained_is_not_waited_for(home: Path) -> None:
    run = make_run(home)
    worker = LiveWorker(run)
    worker.log.append("state", status="running")
    worker.log.append("metrics", step=1, epoch=0, values={"loss": 1.0})
    done = sync("@last")
    publisher_at_work = is_locked(run.publisher_lock_path)
    assert (done.returncode, publisher_at_work) == (0, True), done.stdout
    assert done.stdout.startswith(f"{run.id} being trained; ")
    wait_until(lambda: read_state(run.publisher_path).points == 1, 60, "the point")
    assert sync().stdout.startswith(f"{run.id} running: publishing, up to date")
    worker.log.append("state", status="finished")
    worker.leave()
    wait_until(lambda: read_state(run.publisher_path).state == "done", 60, "the end")
    wait_until(lambda: not is_locked(run.publisher_lock_path), 20, "the publisher to leave")


def test_a_publisher_that_is_at_work_already_is_waited_for(home: Path) -> None:
    run = finished_run(home)
    process = start_publisher(run)
    try:
        wait_until(lambda: is_locked(run.publisher_lock_path), 30, "the publisher")
        done = sync(run.id)
        assert (done.returncode, done.stdout) == (0, f"{run.id} in MLflow\n")
        assert process.wait(20) == 0
    finally:
        end_group(process)


def test_what_cannot_be_obeyed_is_a_usage_error(home: Path) -> None:
    finished_run(home)
    for arguments in (["no-such-run"], ["@last", "--all"]):
        done = sync(*arguments)
        assert done.returncode == 2, done.stdout
        assert done.stderr
