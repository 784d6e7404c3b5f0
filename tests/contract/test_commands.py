"""Commands as files: what arrives, what is refused, and ending a run from outside."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_core.contract.commands import (
    Command,
    ExtendEpochsCommand,
    PauseCommand,
    SetLearningRateCommand,
    StopCommand,
    send_command,
    waiting_commands,
)
from training_core.contract.ending import kill_worker, worker_pid, write_end
from training_core.contract.errors import ExitCode
from training_core.contract.lock import is_locked
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogReader
from training_core.contract.run_status import RunStatus, run_status

HOLDER = """
import sys, time
from pathlib import Path
from training_core.contract.lock import WorkerLock
lock = WorkerLock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    directory = RunDir(tmp_path / "20261124-000000-aaaaaa")
    directory.path.mkdir()
    return directory


def hold(run: RunDir, *, session: bool) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", HOLDER, str(run.lock_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=session)
    assert process.stdout is not None
    with process.stdout as said:
        assert said.readline() == b"held\n"
    return process


def test_commands_arrive_in_the_order_they_were_sent(run: RunDir) -> None:
    sent: list[Command] = [
        PauseCommand(),
        StopCommand(when="epoch"),
        SetLearningRateCommand(value=1e-4),
        ExtendEpochsCommand(epochs=7, schedule="hold"),
    ]
    ids = []
    for command in sent:
        ids.append(send_command(run, command))
        time.sleep(0.002)
    waiting = list(waiting_commands(run))
    assert [asked.command for asked in waiting] == sent
    assert [asked.id for asked in waiting] == ids
    assert all(asked.discard() for asked in waiting)
    assert list(waiting_commands(run)) == []


@given(content=st.binary(max_size=300))
def test_garbage_is_refused_and_never_raises(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    run = RunDir(tmp_path_factory.mktemp("run"))
    run.commands.mkdir()
    (run.commands / "x.json").write_bytes(content)
    (asked,) = waiting_commands(run)
    assert asked.command is None
    assert asked.problem


@pytest.mark.parametrize(
    "content",
    [
        b'{"name": "set_learning_rate", "value": "1e-3"}',
        b'{"name": "set_learning_rate", "value": -1}',
        b'{"name": "set_learning_rate", "value": NaN}',
        b'{"name": "pause", "until": "tomorrow"}',
        b'{"name": "format_disk"}',
        b'{"name": "extend_epochs", "epochs": true}',
        b"[" * 10_000,
        b" " * 100_000,
    ],
)
def test_what_is_no_command_says_why(run: RunDir, content: bytes) -> None:
    run.commands.mkdir()
    (run.commands / "x.json").write_bytes(content)
    (asked,) = waiting_commands(run)
    assert asked.command is None
    assert asked.problem


def test_what_is_no_file_is_refused(run: RunDir) -> None:
    run.commands.mkdir()
    os.mkfifo(run.commands / "a-pipe")
    (run.commands / "b-folder").mkdir()
    (run.commands / "c-link").symlink_to("/etc/hostname")
    (run.commands / ".hidden.tmp").write_text("{")
    (run.commands / os.fsdecode(b"d-\xff\xfe.json")).write_text("{}")
    waiting = list(waiting_commands(run))
    assert [asked.id for asked in waiting] == ["a-pipe", "b-folder", "c-link", r"d-\xff\xfe"]
    assert all(asked.command is None and asked.problem for asked in waiting)
    assert [asked.discard() for asked in waiting] == [True, False, True, True]


@pytest.mark.parametrize("session", [True, False])
def test_killing_ends_the_worker_and_writes_the_end(run: RunDir, session: bool) -> None:
    process = hold(run, session=session)
    assert worker_pid(run) == process.pid
    assert kill_worker(run, "by a test")
    assert process.wait(5) == -signal.SIGKILL
    assert run_status(run) is RunStatus.KILLED
    assert not is_locked(run.lock_path)
    assert not kill_worker(run, "again")
    assert len(RunLogReader(run.log_path).read_new()) == 1


@pytest.mark.parametrize("content", [b"", b"garbage", b'{"pid": 1, "host": "elsewhere"}'])
def test_whom_to_kill_says_the_kernel_and_not_the_file(run: RunDir, content: bytes) -> None:
    innocent = subprocess.Popen(["sleep", "60"])
    named = orjson.dumps({"pid": innocent.pid, "host": socket.gethostname(), "started": 0})
    run.lock_path.write_bytes(named)
    try:
        assert worker_pid(run) is None
        assert not kill_worker(run, "by a test")
        worker = hold(run, session=True)
        run.lock_path.write_bytes(content or named)
        assert worker_pid(run) == worker.pid
        assert kill_worker(run, "by a test")
        assert worker.wait(5) == -signal.SIGKILL
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_an_end_that_was_written_stays(run: RunDir) -> None:
    assert write_end(run, RunStatus.FINISHED, "", ExitCode.DONE)
    assert not write_end(run, RunStatus.KILLED, "late", ExitCode.INTERRUPTED)
    assert run_status(run) is RunStatus.FINISHED


def test_no_end_is_written_for_a_living_worker(run: RunDir) -> None:
    process = hold(run, session=True)
    try:
        assert not write_end(run, RunStatus.KILLED, "", ExitCode.INTERRUPTED)
    finally:
        process.kill()
        process.wait()
    assert not run.log_path.exists()
