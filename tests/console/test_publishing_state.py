"""What is said of a run's publisher, and how long it is waited for."""

import io
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from heimdall_console.publishing_state import PublishingState, read_publishing, show_waiting
from heimdall_console.terminal import Terminal
from tests.console.programs import wait_until
from training_core.contract.files import write_atomic
from training_core.contract.run_dir import RunDir

_HOLD = """
import fcntl, sys, time
file = open(sys.argv[1], "a")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(100)
"""

VERSION = {"name": "campus", "version": 3, "alias": "champion", "uri": "file:///x"}


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return RunDir(tmp_path)


def write(run: RunDir, **fields: Any) -> None:
    write_atomic(run.publisher_path, json.dumps(fields).encode())


def is_done(state: PublishingState) -> bool:
    return state.is_done


def test_what_is_published_can_be_named(run: RunDir) -> None:
    write(run, state="done", registered=[VERSION])
    state = read_publishing(run)
    assert state.is_done
    assert state.reference == "campus@champion"
    assert state.text() == "in MLflow, registered as campus version 3 @champion"


def test_the_lag_is_said_where_it_is_one(run: RunDir) -> None:
    fields = {"state": "publishing", "log_bytes": 0, "behind_bytes": 2_500_000}
    write(run, **fields, behind_s=1.2, updated=time.time())
    assert read_publishing(run).text() == "not published yet: its publisher is gone"
    lock = run.publisher_lock_path
    holder = subprocess.Popen([sys.executable, "-c", _HOLD, str(lock)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert read_publishing(run).text() == "publishing, up to date"
        write(run, **fields, behind_s=12.0, thinned=1234, updated=time.time())
        state = read_publishing(run)
        assert state.text() == "publishing, 12 s (2.5 MB) behind, 1,234 points thinned"
        run.log_path.write_bytes(b"x" * 1000)
        write(run, **fields, behind_s=0.0, updated=time.time() - 60)
        state = read_publishing(run)
        assert state.behind_s >= 60, "a server that hangs: nothing was written for a minute"
        assert state.behind_bytes == 2_501_000
    finally:
        holder.kill()
        holder.communicate()


def test_a_version_without_an_alias_is_named_by_its_number() -> None:
    state = PublishingState("done", registered=[{**VERSION, "alias": ""}])
    assert state.reference == "campus@v3"


def test_what_is_owed_says_why(run: RunDir) -> None:
    write(run, state="retrying", waits_for="http://mlflow:5000 does not answer\x1b[2J")
    state = read_publishing(run)
    assert state.is_owing
    assert state.text() == "not published yet: http://mlflow:5000 does not answer\\x1b[2J"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"state": null, "registered": 5}'])
def test_a_damaged_file_ends_nothing(run: RunDir, content: bytes) -> None:
    run.publisher_path.write_bytes(content)
    assert not read_publishing(run).is_done


def test_waiting_ends_with_the_publisher(run: RunDir) -> None:
    write(run, state="publishing", waits_for="the server")
    stream = io.StringIO()

    def finish() -> None:
        wait_until(lambda: "the server" in stream.getvalue(), "the waiting is shown")
        write(run, state="done")

    thread = threading.Thread(target=finish)
    thread.start()
    state = show_waiting(run, 30.0, stream, Terminal(interactive=True), is_done)
    thread.join()
    assert state.is_done
    assert stream.getvalue().endswith("\r\x1b[K")


def test_waiting_has_a_deadline_and_is_quiet_without_a_terminal(run: RunDir) -> None:
    stream = io.StringIO()
    began = time.monotonic()
    assert show_waiting(run, 0.3, stream, Terminal(), is_done).state == "starting"
    assert time.monotonic() - began < 5.0
    assert stream.getvalue() == ""
