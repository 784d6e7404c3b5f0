"""Freeing space: runs that are removed and checkpoints that are pruned."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from heimdall_console.pruning import Rule, parse_age, plan_pruning
from tests.console.programs import TIMEOUT_S, FakeRun, heimdall
from training_core.contract.checkpoints import list_checkpoints
from training_core.contract.ending import write_end
from training_core.contract.errors import ExitCode, UsageError
from training_core.contract.jobs import ExportArguments, create_job
from training_core.contract.run_dir import RunDir
from training_core.contract.run_status import RunStatus

MakeRun = Callable[..., FakeRun]
LONG = {"epochs": 500, "step_s": 0.01}


def finished(make: MakeRun, epochs: int = 5) -> RunDir:
    run = make(epochs=epochs).start()
    run.wait()
    return run.run


def kept(run: RunDir) -> list[int]:
    assert len(list(run.checkpoints.glob("*.ckpt"))) == len(list_checkpoints(run.checkpoints))
    return [sidecar.epoch for sidecar in list_checkpoints(run.checkpoints)]


def test_pruning_keeps_the_best_and_the_last(
    fake_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    run = finished(fake_run)
    # The last is the best here; the first shall be better.
    path = run.checkpoints / "epoch=000-step=0000040.ckpt.json"
    sidecar = orjson.loads(path.read_bytes())
    sidecar["metrics"]["val/loss"] = 0.1
    path.write_bytes(orjson.dumps(sidecar))
    shown = heimdall("runs", "prune", "@last", "--keep-last", "2", "--dry-run")
    assert shown.returncode == 0
    # The end of a name tells it from others: columns go, names stay whole.
    assert "epoch=001-step=0000080" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 60
    assert "epoch=000" not in shown.stdout
    assert kept(run) == [0, 1, 2, 3, 4]
    assert heimdall("runs", "prune", "@last", "--keep-last", "2").returncode == 2
    assert kept(run) == [0, 1, 2, 3, 4]
    answer = heimdall("runs", "prune", "--all", "--keep-last", "2", "--yes", "--json")
    told = json.loads(answer.stdout)
    assert told["removed"] is True
    assert told["freed_bytes"] == 14
    assert kept(run) == [0, 3, 4]
    assert "keeps every checkpoint" in heimdall("runs", "prune", "--all", "--keep-last", "2").stdout


def test_one_checkpoint_always_stays(fake_run: MakeRun) -> None:
    run = finished(fake_run, epochs=3)
    arguments = ["runs", "prune", "@last", "--keep-best", "0", "--keep-last", "0", "--yes"]
    assert heimdall(*arguments).returncode == 0
    assert kept(run) == [2]
    assert heimdall(*arguments).returncode == 0
    assert kept(run) == [2]


def test_a_living_run_keeps_what_it_would_be_resumed_from(
    fake_run: MakeRun, isolated_home: Path
) -> None:
    run = fake_run(**LONG).start()
    assert heimdall("runs", "checkpoint", "@last").returncode == 0
    assert heimdall("runs", "pause", "@last").returncode == 0
    saved = list_checkpoints(run.run.checkpoints)
    planned = plan_pruning([run.run], Rule(0, 0), isolated_home)
    assert saved[-1].file not in [item.sidecar.file for item in planned]


def test_what_another_run_starts_from_stays(fake_run: MakeRun, isolated_home: Path) -> None:
    run = finished(fake_run)
    wanted = run.checkpoints / "epoch=001-step=0000080.ckpt"
    run.resume_path.write_bytes(orjson.dumps({"checkpoint": str(wanted)}))
    planned = plan_pruning([run], Rule(1, 1), isolated_home)
    assert [item.sidecar.epoch for item in planned] == [0, 2, 3]


def test_what_a_job_reads_stays(fake_run: MakeRun, isolated_home: Path) -> None:
    run = finished(fake_run)
    first = run.checkpoints / list_checkpoints(run.checkpoints)[0].file
    assert first in [item.path for item in plan_pruning([run], Rule(), isolated_home)]
    job = create_job(isolated_home, "export", ExportArguments(checkpoint=first))
    assert first not in [item.path for item in plan_pruning([run], Rule(), isolated_home)]
    write_end(job, RunStatus.KILLED, "not wanted", ExitCode.INTERRUPTED)
    assert first in [item.path for item in plan_pruning([run], Rule(), isolated_home)]


def test_young_checkpoints_may_stay(fake_run: MakeRun, isolated_home: Path) -> None:
    run = finished(fake_run)
    assert not plan_pruning([run], Rule(older_than_s=parse_age("30d")), isolated_home)
    assert plan_pruning([run], Rule(older_than_s=0.0), isolated_home)


@pytest.mark.parametrize(("text", "seconds"), [("30d", 2592000), ("1.5 h", 5400), ("45min", 2700)])
def test_ages_are_read(text: str, seconds: float) -> None:
    assert parse_age(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "d", "-3d", "3 weeks"])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not an age"):
        parse_age(text)


def test_it_must_be_said_whose_checkpoints_may_go(fake_run: MakeRun) -> None:
    finished(fake_run)
    assert heimdall("runs", "prune").returncode == 2
    assert heimdall("runs", "prune", "@last", "--all").returncode == 2


def test_removing_needs_an_answer_and_removes_everything(fake_run: MakeRun) -> None:
    first, second = finished(fake_run, 1), finished(fake_run, 1)
    answer = heimdall("runs", "rm", first.id)
    assert answer.returncode == 2
    assert "--yes" in answer.stderr
    assert first.path.is_dir()
    answer = heimdall("runs", "rm", first.id, first.id, "--yes")
    assert answer.returncode == 0, answer.stderr
    assert os.listdir(second.path.parent) == [second.id]


def test_a_living_run_is_not_removed_nor_what_was_named_beside_it(fake_run: MakeRun) -> None:
    ended = finished(fake_run, 1)
    living = fake_run(**LONG).start()
    answer = heimdall("runs", "rm", ended.id, living.run.id, "--yes")
    assert answer.returncode == 2
    assert "It is running" in answer.stderr
    assert ended.path.is_dir()
    assert living.run.path.is_dir()


def test_a_run_that_another_one_starts_from_is_not_removed(fake_run: MakeRun) -> None:
    first, second = finished(fake_run, 1), finished(fake_run, 1)
    wanted = first.checkpoints / list_checkpoints(first.checkpoints)[0].file
    second.resume_path.write_bytes(orjson.dumps({"checkpoint": str(wanted)}))
    answer = heimdall("runs", "rm", first.id, "--yes")
    assert answer.returncode == 2
    assert "Another run is going to start" in answer.stderr
    assert heimdall("runs", "rm", second.id, "--yes").returncode == 0
    assert heimdall("runs", "rm", first.id, "--yes").returncode == 0


@pytest.mark.parametrize(("typed", "stays"), [(b"n\n", True), (b"\n", True), (b"y\n", False)])
def test_the_question_names_what_would_be_lost(
    typed: bytes, stays: bool, fake_run: MakeRun
) -> None:
    run = finished(fake_run, 1)
    run.publisher_output_path.touch()
    run.publisher_path.write_text('{"state": "retrying", "waits_for": "the server is away"}')
    master, slave = pty.openpty()
    viewer = subprocess.Popen(
        [sys.executable, "-m", "heimdall_console", "runs", "rm", run.id],
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    shown = b""
    while b"[y/N]" not in shown:
        shown += os.read(master, 4096)
    os.write(master, typed)
    assert viewer.wait(TIMEOUT_S) == (1 if stays else 0)
    os.close(master)
    assert b"1 run not fully published" in shown
    assert b"the server is away" in shown
    assert b"kB" in shown
    assert run.path.exists() == stays


def test_checkpoints_that_lie_elsewhere_go_with_their_run(
    fake_run: MakeRun, tmp_path: Path
) -> None:
    run = finished(fake_run, 2)
    elsewhere = tmp_path / "big-disk"
    own = elsewhere / run.id
    own.mkdir(parents=True)
    for path in run.checkpoints.iterdir():
        path.rename(own / path.name)
    text = run.config_path.read_text().replace('directory = ""', f'directory = "{elsewhere}"')
    run.config_path.write_text(text)
    trashed = own / ".trash" / "20261124-100000-aaaaaa" / "epoch=000-step=0000001.ckpt"
    trashed.parent.mkdir(parents=True)
    trashed.touch()
    (elsewhere / "somebody-elses.ckpt").touch()
    assert heimdall("runs", "rm", run.id, "--yes").returncode == 0
    assert [path.name for path in elsewhere.iterdir()] == ["somebody-elses.ckpt"]
