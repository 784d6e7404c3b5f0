"""A scheduler that is killed at any moment: every run begins once, in its order."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from heimdall_console.queue import scheduler_lock_path
from tests.console.programs import FakeRun, heimdall_with
from training_core.contract.lock import is_locked, read_holder
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import Record, RunLogReader
from training_core.contract.run_status import RunStatus, run_status

IS_FULL = os.environ.get("HEIMDALL_FULL_FAULTS") == "1"
ROUNDS = 10 if IS_FULL else 1
RUNS = 6
DEADLINE_S = 100.0
SCHEDULER = [sys.executable, "-m", "tests.console.scheduler_with_fake_worker"]


def states(run: RunDir) -> list[Record]:
    return [r for r in RunLogReader(run.log_path).read_new() if r["kind"] == "state"]


def kill_scheduler(home: Path) -> None:
    holder = read_holder(scheduler_lock_path(home))
    if is_locked(scheduler_lock_path(home)) and holder is not None:
        os.kill(holder.pid, signal.SIGKILL)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_every_run_begins_once_and_in_order(seed: int, isolated_home: Path) -> None:
    chance = random.Random(seed)
    busy = FakeRun(isolated_home, {"epochs": 100_000}).start()
    runs = [FakeRun(isolated_home, {"epochs": 1}).run for _ in range(RUNS)]
    for run in runs:
        assert heimdall_with({}, "queue", "add", run.id).returncode == 0
    kill_scheduler(isolated_home)
    busy.stop()
    kills, deadline = 0, time.monotonic() + DEADLINE_S
    while not all(run_status(run).has_ended for run in runs):
        assert time.monotonic() < deadline
        process = subprocess.Popen([*SCHEDULER, str(isolated_home)])
        # Until it has looked, until it has begun a run, until that run trains or has ended.
        time.sleep(chance.uniform(0.1, 0.8))
        process.kill()
        kills += process.wait(DEADLINE_S) == -signal.SIGKILL
    assert kills > 0
    assert [run_status(run) for run in runs] == [RunStatus.FINISHED] * RUNS
    told = [states(run) for run in runs]
    expected = ["queued", "starting", "running", "finished"]
    assert [[record["status"] for record in records] for records in told] == [expected] * RUNS
    begun = [records[1]["t"] for records in told]
    over = [records[-1]["t"] for records in told]
    assert begun == sorted(begun)
    assert all(end <= start for end, start in zip(over, begun[1:], strict=False))
