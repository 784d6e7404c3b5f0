"""The status of a run from the end of its log, whatever lies before."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_core.contract import log_tail
from training_core.contract.log_tail import read_tail
from training_core.contract.records import encode_record
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogReader
from training_core.contract.run_status import RunStatus, recorded_state, run_status

HOLD = """
import sys
from pathlib import Path
from training_core.contract.lock import WorkerLock
lock = WorkerLock(Path(sys.argv[1]) / "worker.lock")
print("held", flush=True)
sys.stdin.read()
"""


def state(status: str, time_s: float = 1.0, **fields: object) -> bytes:
    return encode_record("state", time_s, {"status": status, **fields})


def steps(count: int) -> bytes:
    values = {"values": {f"train/metric_{n}": n / 7 for n in range(10)}}
    return b"".join(
        encode_record("metrics", float(step), {"step": step, "epoch": 0, **values})
        for step in range(count)
    )


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return RunDir(tmp_path)


def test_the_last_state_is_found_however_far_back(run: RunDir) -> None:
    run.log_path.write_bytes(state("starting") + state("paused") + steps(10_000))
    assert recorded_state(run) == "paused"
    assert read_tail(run.log_path).state is None


@pytest.mark.parametrize(
    "decoy",
    [
        encode_record("message", 2.0, {"level": "info", "text": state("failed").decode()}),
        encode_record("command", 2.0, {"arguments": {"kind": "state", "status": "failed"}}),
        encode_record("artifact", 2.0, {"summary": {"a": 1}, "register": {"kind": "state"}}),
        encode_record("state", 2.0, {"status": 7}),
        b'{"v":1,"t":2,"kind":"state","status":"fail\n',
        b'"kind":"state"\n',
        b'\x00\x00"kind":"state","status":"failed"}\n',
    ],
)
@pytest.mark.parametrize("distance", [0, 100])
def test_what_only_looks_like_a_state_is_passed(run: RunDir, decoy: bytes, distance: int) -> None:
    run.log_path.write_bytes(state("running") + decoy * 3 + steps(distance))
    assert recorded_state(run) == "running"


def test_an_end_that_is_not_whole_is_none(run: RunDir) -> None:
    end = state("finished")
    run.log_path.write_bytes(state("running") + end[:-1])
    assert recorded_state(run) == "running"
    assert run_status(run) is RunStatus.CRASHED
    run.log_path.write_bytes(state("running") + end)
    assert run_status(run) is RunStatus.FINISHED


def test_an_end_longer_than_the_tail_is_an_end(run: RunDir) -> None:
    end = state("failed", error={"what": "x" * 100_000})
    run.log_path.write_bytes(state("running") + steps(100) + end)
    assert run_status(run) is RunStatus.FAILED


def test_a_log_of_garbage_has_no_state(run: RunDir) -> None:
    run.log_path.write_bytes(b"\xff\x00" * 50_000 + b"\n")
    assert recorded_state(run) is None
    assert run_status(run) is RunStatus.QUEUED


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch, lambda path: None])
def test_a_log_that_is_none_has_no_state(run: RunDir, make: object) -> None:
    assert callable(make)
    make(run.log_path)
    assert recorded_state(run) is None


def test_the_tail_says_how_far_a_training_is_and_when_that_was(run: RunDir) -> None:
    task = encode_record("task", 3.0, {"name": "train", "done": 5, "total": 10})
    other = encode_record("task", 4.0, {"name": "export", "done": 0, "total": 1})
    run.log_path.write_bytes(steps(1000) + task + other + b"torn")
    tail = read_tail(run.log_path)
    assert tail.task is not None
    assert tail.task["done"] == 5
    assert tail.time_s == 4.0
    assert tail.whole_bytes == run.log_path.stat().st_size - len(b"torn")


@pytest.mark.parametrize("last", ["running", "paused", "starting"])
def test_a_run_without_an_end_is_alive_with_its_lock_and_crashed_without(
    run: RunDir, last: str
) -> None:
    run.log_path.write_bytes(state(last) + steps(1000))
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    assert run_status(run) is RunStatus(last)
    holder.kill()
    holder.communicate()
    assert run_status(run) is RunStatus.CRASHED


LINES = st.one_of(
    st.sampled_from(["running", "paused", "finished", "newer"]).map(state),
    st.integers(0, 3).map(steps),
    st.sampled_from(
        [
            b"\n",
            b"garbage\n",
            b'{"v":1,"kind":"task"' + state("stopped"),
            b"x" * 300 + state("killed"),
            state("failed")[:-1] + b",",
            b'"kind":"state"\n',
        ]
    ),
    st.binary(max_size=40),
)


@given(st.lists(LINES, max_size=12), st.integers(40, 400), st.integers(40, 400))
def test_looking_back_finds_what_reading_on_finds(
    lines: list[bytes], tail_bytes: int, block_bytes: int
) -> None:
    path = Path(f"log-{time.monotonic_ns()}.jsonl")
    path.write_bytes(b"".join(lines))
    forward = [
        r
        for r in RunLogReader(path).read_new()
        if r["kind"] == "state" and isinstance(r.get("status"), str)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_tail, "_TAIL_BYTES", tail_bytes)
        patch.setattr(log_tail, "_BLOCK_BYTES", block_bytes)
        found = read_tail(path, from_byte=0).state
    assert found == (forward[-1] if forward else None)
