"""The tour: what is shipped, the home made of it, the replay that obeys, and that nothing is left."""

import contextlib
import hashlib
import inspect
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pyte
import pytest
from textual.widgets._toast import Toast

from heimdall_console.actions import everywhere
from heimdall_console.app import HeimdallApp
from heimdall_console.commands.tour import tour
from heimdall_console.evaluations import evaluation_jobs, read_evaluation, sessions_of
from heimdall_console.job_rows import list_jobs
from heimdall_console.run_index import list_runs
from heimdall_console.tour.example_gpu import NAME as GPU_NAME
from heimdall_console.tour.guide import STEPS, Guide, step_of
from heimdall_console.tour.home_making import make_home
from heimdall_console.tour.leading import start_replay
from heimdall_console.tour.recording import LONG, RECORDING, Recording, read_recording
from heimdall_console.tour.replay import HEAD_SHARE
from heimdall_console.tour.temporary_home import temporary_home
from heimdall_console.widgets.tour_hint import TourHint
from tests.conftest import REPOSITORY
from tests.console.programs import wait_until
from tests.console.recorded_home import NOW, RecordedHome, make_recorded_home
from training_core.contract.checkpoints import list_checkpoints
from training_core.contract.commands import (
    CheckpointCommand,
    Command,
    PauseCommand,
    ResumeCommand,
    SetLearningRateCommand,
    StopCommand,
    ValidateCommand,
    send_command,
)
from training_core.contract.ending import worker_pid
from training_core.contract.lock import WorkerLock, is_locked
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogReader
from training_core.contract.run_status import RunStatus, run_status

MOST_BYTES = 300_000


@pytest.fixture(scope="module")
def recording() -> Recording:
    """What is shipped."""
    return read_recording()


@pytest.fixture
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary homes are made instead of the system's folder."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture
def live(isolated_home: Path, recording: Recording) -> Iterator[RunDir]:
    """A run of a recorded home that can be replayed; its replay ends with the test."""
    isolated_home.mkdir(mode=0o700)
    _, run = make_home(isolated_home, recording, time.time())
    yield run
    if (pid := worker_pid(run)) is not None:
        os.kill(pid, 9)
        wait_until(lambda: not is_locked(run.lock_path), "the replay is gone")


def records(run: RunDir) -> list[dict[str, Any]]:
    return list(RunLogReader(run.log_path).read_new())


def command_of(pid: int) -> bytes:
    """The command line of a process; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_the_recording_is_small_and_names_nobody() -> None:
    assert RECORDING.stat().st_size <= MOST_BYTES
    with tarfile.open(RECORDING, "r:xz") as archive:
        for entry in archive:
            assert (entry.uid, entry.uname, entry.mtime) == (0, "", 0)
            content = archive.extractfile(entry)
            assert content is not None
            text = content.read()
            checkout = f"/{REPOSITORY.parts[1]}/".encode()
            for place in (b"/home/", b"/root/", b"/tmp/", checkout, b"/var/"):
                assert place not in text, (entry.name, place)


def test_a_home_is_made_of_it_that_is_whole(isolated_home: Path, recording: Recording) -> None:
    isolated_home.mkdir(mode=0o700)
    now = time.time()
    make_home(isolated_home, recording, now)
    runs = {run.info.name: run for run in list_runs(isolated_home)}
    assert {name: run.status for name, run in runs.items()} == {
        "campus-baseline": RunStatus.FINISHED,
        "campus-weight-decay-10": RunStatus.FAILED,
        "campus-long-first-try": RunStatus.CRASHED,
        "campus-long": RunStatus.QUEUED,
    }
    directories = {name: RunDir(isolated_home / "runs" / r.info.id) for name, r in runs.items()}
    hashes: list[str] = []
    for run in directories.values():
        found = records(run)
        assert all(record["t"] < now for record in found)
        gpus = [gpu for r in found if r["kind"] == "hardware" for gpu in r["gpus"]]
        assert {gpu["name"] for gpu in gpus} <= {GPU_NAME}
        for sidecar in list_checkpoints(run.checkpoints):
            file = run.checkpoints / sidecar.file
            assert hashlib.sha256(file.read_bytes()).hexdigest() == sidecar.sha256
            assert zipfile.ZipFile(file).testzip() is None
            hashes.append(sidecar.sha256)
        names = {sidecar.file for sidecar in list_checkpoints(run.checkpoints)}
        assert names == {path.name for path in run.checkpoints.glob("*.ckpt")}
    # An export marks the checkpoint of its SHA-256, and no other one.
    assert len(set(hashes)) == len(hashes) > 5
    (job,) = evaluation_jobs(list_jobs(isolated_home))
    assert len(sessions_of(read_evaluation(job))) > 100, "for the map and the worst ones"
    baseline = directories["campus-baseline"]
    assert (baseline.exports / "campus" / "model.onnx").is_file()
    texts = [p for p in isolated_home.rglob("*") if p.suffix in (".json", ".jsonl", ".toml")]
    assert texts
    for path in texts:
        assert b"@HOME@" not in path.read_bytes(), path
        assert b"@RUN" not in path.read_bytes(), path


def test_the_replay_obeys_as_a_worker_does(live: RunDir) -> None:
    start_replay(live, 20.0)
    assert run_status(live) in (RunStatus.STARTING, RunStatus.RUNNING)

    def ask(command: Command) -> dict[str, Any]:
        asked = send_command(live, command)

        def answers() -> list[dict[str, Any]]:
            return [r for r in records(live) if r["kind"] == "command" and r["id"] == asked]

        wait_until(lambda: bool(answers()), f"{command.name} is answered")
        return answers()[-1]

    wait_until(lambda: any(r["kind"] == "checkpoint" for r in records(live)), "a checkpoint")
    assert ask(PauseCommand())["outcome"] == "done"
    assert run_status(live) is RunStatus.PAUSED
    assert ask(PauseCommand())["outcome"] == "refused"
    before = [r for r in records(live) if r["kind"] == "metrics"]
    saved = ask(CheckpointCommand())
    assert (live.checkpoints / saved["reason"]).is_file()
    assert ask(ValidateCommand())["outcome"] == "done"
    assert ask(SetLearningRateCommand(value=0.1))["outcome"] == "refused"
    after = [r for r in records(live) if r["kind"] == "metrics" and not r.get("on_request")]
    assert len(after) == len(before)
    assert ask(ResumeCommand())["outcome"] == "done"
    assert ask(StopCommand())["outcome"] == "done"
    wait_until(lambda: not is_locked(live.lock_path), "the replay has left")
    last = records(live)[-1]
    assert (last["status"], last["exit_code"]) == ("stopped", 4)
    assert last["summary"]["step"] > 0
    assert list_checkpoints(live.checkpoints)[-1].reason == "stop"
    assert not list(live.commands.iterdir())


def test_the_replay_comes_to_the_recorded_end(live: RunDir, recording: Recording) -> None:
    start_replay(live, 2000.0)
    wait_until(lambda: run_status(live) is RunStatus.FINISHED, "the recorded end")
    found = records(live)
    recorded = recording.runs[LONG].records
    assert [r["kind"] for r in found] == [r["kind"] for r in recorded]
    assert [r.get("step") for r in found] == [r.get("step") for r in recorded]
    assert (live.exports / "campus" / "proof.json").is_file()
    assert len(list_checkpoints(live.checkpoints)) == 5  # the best three, the last, the asked


def test_the_replay_ends_with_who_started_it(live: RunDir) -> None:
    start = (
        "import sys; from pathlib import Path; from training_core.contract.run_dir import RunDir; "
        "from heimdall_console.tour.leading import start_replay; "
        "start_replay(RunDir(Path(sys.argv[1])), 1.0)"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", start, str(live.path)], check=True)
    wait_until(lambda: not is_locked(live.lock_path), "the replay has left")


def test_the_home_of_a_tour_is_removed_with_its_processes(
    temporary_folder: Path, recording: Recording
) -> None:
    foreign = temporary_folder / "heimdall-tour-foreign"
    foreign.mkdir()
    dead = temporary_folder / "heimdall-tour-dead"
    dead.mkdir()
    WorkerLock(dead / "tour.lock").release()
    with temporary_home() as home:
        assert not dead.exists()
        _, run = make_home(home, recording, time.time())
        start_replay(run, 1.0)
        pid = worker_pid(run)
        assert pid is not None
        # Another process: this one would lose its lock by looking at it.
        clean = "from heimdall_console.tour.temporary_home import *; remove_dead_homes()"
        subprocess.run([sys.executable, "-c", clean], check=True)
        assert home.is_dir()
    assert not home.exists()
    wait_until(lambda: not command_of(pid), "the replay is gone")
    assert [path.name for path in temporary_folder.iterdir()] == [foreign.name]


def test_the_steps_are_screens_that_exist() -> None:
    assert len(STEPS) == 5
    assert {step.mode for step in STEPS} <= set(everywhere.MODES)
    for place, step in enumerate(STEPS):
        assert step_of(step.mode, 0) == place
        assert step_of("models", place) == place
    assert all(len(step.short) <= 56 for step in STEPS)


def test_the_replay_lasts_as_long_as_the_tour(recording: Recording) -> None:
    speed = inspect.signature(tour).parameters["speed"].default.default
    lasts_s = (1 - HEAD_SHARE) * recording.runs[LONG].records[-1]["t"] / speed
    assert lasts_s > 60 * (len(STEPS) + 1)


async def test_the_hints_follow_the_person_and_can_be_left(isolated_home: Path) -> None:
    guide = Guide()
    app = HeimdallApp(isolated_home, run_ids=("none",), guide=guide, host="here")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.pause()
        hint = app.screen.query_one(TourHint)
        assert hint.display
        app.notify("Said.\n" * 3)
        await pilot.pause()
        assert not app.screen.query_one(Toast).region.overlaps(hint.region)
        await pilot.press("1")
        await pilot.pause()
        assert guide.place == 1
        await pilot.press("f10")
        await pilot.pause()
        assert not app.screen.query_one(TourHint).display
        await pilot.press("4")
        await pilot.pause()
        assert not app.screen.query_one(TourHint).display


def test_the_command_shows_the_tour_and_leaves_nothing(temporary_folder: Path) -> None:
    screen = pyte.Screen(100, 30)
    stream = pyte.ByteStream(screen)
    child = pexpect.spawn(
        sys.executable,
        ["-m", "heimdall_console", "tour", "--speed", "20"],
        dimensions=(30, 100),
        timeout=30,
    )

    def shows(text: str) -> bool:
        with contextlib.suppress(pexpect.TIMEOUT, pexpect.EOF):
            stream.feed(child.read_nonblocking(1 << 16, timeout=0.1))
        return any(text in line for line in screen.display)

    wait_until(lambda: shows("tour 1/5"), "the first step is shown")
    (home,) = temporary_folder.glob("heimdall-tour-*")
    child.send("1")
    wait_until(lambda: shows("tour 2/5") and shows("campus-baseline"), "the second step is shown")
    child.send("q")
    child.expect("The tour is over; `heimdall-console` shows runs of your own")
    child.expect(pexpect.EOF)
    assert b"running" not in child.before
    child.close()
    assert child.exitstatus == 0
    assert not home.exists()


def test_the_recorded_home_is_the_same_at_every_time(
    recorded_home: RecordedHome, tmp_path: Path
) -> None:
    other = make_recorded_home(tmp_path / "other")
    own = {path.relative_to(recorded_home.path) for path in recorded_home.path.rglob("*")}
    lock = {Path("runs") / recorded_home.ids["running"] / "worker.lock"}
    assert own - lock == {path.relative_to(other.path) for path in other.path.rglob("*")}
    for path in other.path.rglob("*"):
        if path.is_file() and path.name != "log.jsonl":
            assert (
                path.read_bytes()
                == (recorded_home.path / path.relative_to(other.path)).read_bytes()
            ), path
    statuses = {run.info.id: run.status.value for run in list_runs(recorded_home.path)}
    expected = {"hostile": "failed"}
    assert statuses == {i: expected.get(name, name) for name, i in recorded_home.ids.items()}
    assert all(r["t"] <= NOW for name in other.ids for r in records(other.run(name)))
