"""Processes killed -9 while they launch, prune, save or download: what they leave, and who removes it."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from heimdall_console.checkpoint_trash import list_trash, restore
from heimdall_console.doctor.work import work_findings
from tests.console.programs import FakeRun, heimdall, heimdall_with, wait_until
from tests.training.conftest import MakeRun
from tests.training.test_worker import finished, wait_for_step, worker
from training_core.contract.checkpoints import own_checkpoints
from training_core.contract.files import sha256_file
from training_core.contract.home import jobs_folder, runs_folder
from training_core.contract.leftovers import GRACE_S, find_leftovers, remove_leftovers
from training_core.contract.resume_request import ResumeRequest, write_resume_request
from training_core.contract.run_dir import RunDir, new_id
from training_core.contract.run_status import RunStatus, run_status

KILLS = 40 if os.environ.get("HEIMDALL_FULL_FAULTS") else 4
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + 20 * KILLS)]
SEED = 20261130

LAUNCH = """
import sys, time
from pathlib import Path
from training_core.contract.run_dir import RunInfo, create_run, new_id
while True:
    now = time.time()
    create_run(Path(sys.argv[1]), RunInfo(id=new_id(now), name="n", experiment="e", created=now), "")
"""
PRUNE = """
import sys
from pathlib import Path
from heimdall_console.checkpoint_rows import checkpoint_rows
from heimdall_console.checkpoint_trash import list_trash, move_to_trash, restore
from training_core.contract.run_dir import RunDir
run = RunDir(Path(sys.argv[1]))
while True:
    for pruned in list_trash(run):
        restore(run, pruned)
    rows = checkpoint_rows(run, run.path.parent.parent, [])
    move_to_trash(run, [row for row in rows if not row.protection])
"""
DOWNLOAD = """
import sys, time
from pathlib import Path
from training_core.publishing.registry_download import _appearing
with _appearing(Path(sys.argv[1])) as hidden:
    (hidden / "model.onnx").write_bytes(bytes(1000))
    print("half", flush=True)
    time.sleep(600)
"""


def killed(script: str, where: Path, after_s: float) -> None:
    """Run a script and kill it after a while."""
    process = subprocess.Popen([sys.executable, "-c", script, str(where)])
    try:
        time.sleep(after_s)
        assert process.poll() is None, "it ended by itself"
    finally:
        process.kill()
        process.wait()


def grow_old(folder: Path) -> None:
    """Let everything hidden below a folder be as old as what nobody writes any more."""
    past = time.time() - 2 * GRACE_S
    for path in folder.rglob(".*"):
        for part in (path, *path.rglob("*")):
            os.utime(part, (past, past))


def test_a_launch_leaves_a_whole_run_or_none(isolated_home: Path) -> None:
    moments = random.Random(SEED)
    for _ in range(KILLS):
        killed(LAUNCH, isolated_home, moments.uniform(0.5, 1.0))
    # One that is certain to be there: a kill finds the short time of a launch only now and then.
    half = runs_folder(isolated_home) / ".20261130-120000-abcdef.new"
    half.mkdir()
    (half / "config.toml").write_text("half")
    listed = heimdall("runs", "list", "--json")
    assert (listed.returncode, listed.stderr) == (0, "")
    for run in map(RunDir, runs_folder(isolated_home).glob("[!.]*")):
        run.read_info()
        assert run.config_path.is_file()
    assert find_leftovers(isolated_home) == [], "it may still be written"
    grow_old(isolated_home)
    (said,) = (f for f in work_findings(isolated_home) if f.name == "leftovers")
    assert said.status == "warning"
    assert half in [leftover.path for leftover in remove_leftovers(isolated_home)]
    assert [p for p in runs_folder(isolated_home).iterdir() if p.name.startswith(".")] == []


def test_a_run_whose_worker_was_never_started_is_named(isolated_home: Path) -> None:
    run = FakeRun(isolated_home, {"epochs": 1}).run
    # An hour ago: a launch takes a moment.
    old = RunDir(run.path.with_name(new_id(time.time() - 3600)))
    run.path.rename(old.path)
    info = json.loads(old.info_path.read_bytes())
    old.info_path.write_text(json.dumps({**info, "id": old.id}))
    (said,) = (f for f in work_findings(isolated_home) if f.name == "launches")
    assert (said.status, said.figures["runs"]) == ("warning", [old.id])
    assert heimdall_with({"epochs": 1}, *said.advice.split("`")[1].split()[1:]).returncode == 0
    wait_until(lambda: run_status(old) is RunStatus.FINISHED, "the advice to be right")
    (said,) = (f for f in work_findings(isolated_home) if f.name == "launches")
    assert said.status == "ok"


def test_a_pruning_loses_no_checkpoint(make_run: MakeRun) -> None:
    run = make_run("trainer.epochs=8", "early_stopping.enabled=false", "checkpoint.keep_best=6")
    assert finished(run) == 0, run.output_path.read_text()
    digests = {s.file: sha256_file(run.checkpoints / s.file) for s in own_checkpoints(run, "")}
    assert len(digests) > 2
    moments = random.Random(SEED)
    for _ in range(KILLS):
        killed(PRUNE, run.path, moments.uniform(1.0, 2.0))
        trashed = [path for pruned in list_trash(run) for path in pruned.files]
        places = [*run.checkpoints.glob("*.ckpt"), *trashed]
        assert sorted(path.name for path in places) == sorted(digests), "each is in one place"
        assert {path.name: sha256_file(path) for path in places} == digests
    for pruned in list_trash(run):
        restore(run, pruned)
    assert {s.file for s in own_checkpoints(run, "")} == set(digests), "with their sidecars"


def test_a_checkpoint_that_was_half_saved_goes_when_the_run_goes_on(make_run: MakeRun) -> None:
    run = make_run("trainer.epochs=200", "early_stopping.enabled=false")
    process = worker(run)
    wait_for_step(run, 30)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    half = run.checkpoints / ".epoch=00-step=000007.ckpt.tmp"
    half.write_bytes(bytes(100_000))
    saved = own_checkpoints(run, "")
    assert half.name not in [sidecar.file for sidecar in saved]
    write_resume_request(run, ResumeRequest(checkpoint=str(run.checkpoints / saved[-1].file)))
    process = worker(run)
    try:
        wait_until(lambda: not half.exists(), "it to be removed")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_download_leaves_no_folder_of_its_name(isolated_home: Path, tmp_path: Path) -> None:
    target = tmp_path / "fetched" / "model"
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", DOWNLOAD, str(target)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        process.kill()
        process.wait()
        process.stdout.close()
    assert not target.exists()
    assert len(list(target.parent.iterdir())) == 2, "what is young may still be written"
    grow_old(target.parent)
    job = jobs_folder(isolated_home) / "20261130-120000-abcdef"
    job.mkdir(parents=True)
    arguments = f'{{"target": "{target}", "model": "site@v1"}}'
    (job / "job.json").write_text(f'{{"kind": "download", "arguments": {arguments}}}')
    shutil.copytree(next(target.parent.iterdir()), target.parent / ".other.0123abcd.new")
    gone = remove_leftovers(isolated_home)
    assert len(gone) == 2
    assert [path.name for path in target.parent.iterdir()] == [".other.0123abcd.new"]
