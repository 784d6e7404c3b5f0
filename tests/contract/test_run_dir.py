"""Run directories, locks, status and sidecars, with real processes."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from training_core.contract.checkpoints import (
    CheckpointSidecar,
    best_checkpoints,
    list_checkpoints,
    sidecar_path,
    write_sidecar,
)
from training_core.contract.errors import HeimdallError, UsageError
from training_core.contract.lock import WorkerLock, is_locked, read_holder
from training_core.contract.run_dir import RunDir, RunInfo, create_run, find_run, new_id
from training_core.contract.run_log import RunLogWriter
from training_core.contract.run_status import RunStatus, derive_status, run_status
from training_core.contract.secrets import CREDENTIALS_FILE, credentials

HOLD = """
import sys, time
from pathlib import Path
from training_core.contract.lock import WorkerLock
from training_core.contract.run_log import RunLogWriter
lock = WorkerLock(Path(sys.argv[1]) / "worker.lock")
RunLogWriter(Path(sys.argv[1]) / "log.jsonl").append("state", status="running")
print("held", flush=True)
time.sleep(60)
"""


def made_run(home: Path, run_id: str = "") -> RunDir:
    info = RunInfo(id=run_id or new_id(time.time()), name="n", experiment="e", created=time.time())
    return create_run(home, info, "[run]\n")


def test_a_run_appears_whole_and_private(isolated_home: Path) -> None:
    run = made_run(isolated_home)

    assert run.read_info().experiment == "e"
    assert run.config_path.read_text() == "[run]\n"
    for folder in (run.path, run.path.parent, isolated_home):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [p.name for p in run.path.parent.iterdir()] == [run.id]


def test_runs_are_found_by_prefix_last_and_path(isolated_home: Path) -> None:
    first = made_run(isolated_home, "20260101-000000-aaaaaa")
    second = made_run(isolated_home, "20260202-000000-bbbbbb")

    assert find_run(isolated_home, "20260101") == first
    assert find_run(isolated_home, "@last") == second
    assert find_run(isolated_home, str(first.path)) == first
    for reference in ("2026", "nothing", "", "../../etc", "/etc", "%s\x00"):
        with pytest.raises((UsageError, ValueError)):
            find_run(isolated_home, reference)


def test_a_home_that_is_a_file_is_an_error_with_advice(tmp_path: Path) -> None:
    home = tmp_path / "taken"
    home.write_text("")
    with pytest.raises(HeimdallError, match="HEIMDALL_HOME"):
        made_run(home)


def test_the_lock_lives_and_dies_with_its_process(isolated_home: Path) -> None:
    run = made_run(isolated_home)
    assert run_status(run) is RunStatus.QUEUED
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run.path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert is_locked(run.lock_path)
        found = read_holder(run.lock_path)
        assert found is not None
        assert found.pid == holder.pid
        assert run_status(run) is RunStatus.RUNNING
        with pytest.raises(UsageError, match="Another worker"):
            WorkerLock(run.lock_path)
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.communicate()
    assert not is_locked(run.lock_path)
    assert run_status(run) is RunStatus.CRASHED


@pytest.mark.parametrize(
    ("last", "locked", "expected"),
    [
        (None, False, RunStatus.QUEUED),
        (None, True, RunStatus.STARTING),
        ("running", True, RunStatus.RUNNING),
        ("running", False, RunStatus.CRASHED),
        ("paused", False, RunStatus.CRASHED),
        ("finished", True, RunStatus.FINISHED),
        ("stopped", False, RunStatus.STOPPED),
        ("dreaming", True, RunStatus.RUNNING),
        ("dreaming", False, RunStatus.CRASHED),
    ],
)
def test_status_is_derived(last: str | None, locked: bool, expected: RunStatus) -> None:
    assert derive_status(last, locked) is expected


def test_an_ended_run_has_its_last_state(isolated_home: Path) -> None:
    run = made_run(isolated_home)
    with RunLogWriter(run.log_path) as log:
        log.append("state", status="running")
        log.append("state", status="failed", reason="x", exit_code=1)
    assert run_status(run) is RunStatus.FAILED


def sidecar(file: str, step: int, loss: float, mode: str = "min") -> CheckpointSidecar:
    return CheckpointSidecar(
        file=file,
        step=step,
        epoch=0,
        metrics={"val/loss": loss},
        monitor="val/loss",
        mode=mode,
        size_bytes=1,
        sha256="0",
        created=float(step),
    )


def test_sidecars_are_listed_ranked_and_survive_damage(tmp_path: Path) -> None:
    losses = {"a.ckpt": 3.0, "b.ckpt": float("nan"), "c.ckpt": 1.0, "d.ckpt": float("inf")}
    for step, (name, loss) in enumerate(losses.items()):
        (tmp_path / name).write_bytes(b"x")
        write_sidecar(tmp_path, sidecar(name, step, loss))
    (tmp_path / "without.ckpt").write_bytes(b"x")
    (tmp_path / "broken.ckpt").write_bytes(b"x")
    (tmp_path / "broken.ckpt.json").write_bytes(b"{")

    copied = tmp_path / "e.ckpt"
    copied.write_bytes(b"x")
    content = sidecar_path(tmp_path / "a.ckpt").read_bytes()
    sidecar_path(copied).write_bytes(content.replace(b'"step": 0', b'"step": 9'))

    listed = list_checkpoints(tmp_path)

    assert [s.file for s in listed] == ["a.ckpt", "b.ckpt", "c.ckpt", "d.ckpt", "e.ckpt"]
    assert [s.file for s in best_checkpoints(listed)] == ["c.ckpt", "a.ckpt", "e.ckpt"]
    largest = [sidecar(f, n, loss, "max") for n, (f, loss) in enumerate(losses.items())]
    assert best_checkpoints(largest)[0].file == "a.ckpt"


def test_credentials_come_from_the_environment_before_the_file(
    isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    isolated_home.mkdir()
    path = isolated_home / CREDENTIALS_FILE
    path.write_text('tracking_token = "from-file"\nstorage_access_key = "file-key"\n')
    path.chmod(0o600)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "from-environment")

    found = credentials(isolated_home)

    assert found.tracking_token is not None
    assert found.tracking_token.get_secret_value() == "from-environment"
    assert found.storage_access_key is not None
    assert found.storage_access_key.get_secret_value() == "file-key"
    assert "from-environment" not in repr(found)
    assert "file-key" not in str(found)


def test_credentials_that_others_can_read_or_that_are_wrong_are_refused_without_quoting_them(
    isolated_home: Path,
) -> None:
    isolated_home.mkdir()
    path = isolated_home / CREDENTIALS_FILE
    path.write_text('tracking_token = "hunter2"\n')
    path.chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        credentials(isolated_home)
    path.write_text('tracking_tokn = "hunter2"\n')
    path.chmod(0o600)
    with pytest.raises(UsageError) as caught:
        credentials(isolated_home)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
