"""Many runs, listed and watched: what is shown, and what is looked at."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.message import Message
from textual.message_pump import MessagePump

from heimdall_console import run_index
from heimdall_console.run_index import RunIndex, RunSummary, list_runs
from heimdall_console.run_rows import RunRows
from heimdall_console.sources.run import RunRead, RunSource, RunView
from training_core.contract.checkpoints import CheckpointSidecar, write_sidecar
from training_core.contract.errors import UsageError
from training_core.contract.home import runs_folder
from training_core.contract.log_tail import read_tail
from training_core.contract.run_dir import RunDir, RunInfo, create_run, find_run
from training_core.contract.run_log import RunLogWriter
from training_core.contract.run_status import RunStatus

HOLD = """
import sys
from pathlib import Path
from training_core.contract.lock import WorkerLock
from training_core.contract.run_log import RunLogWriter
run = Path(sys.argv[1])
lock, log = WorkerLock(run / "worker.lock"), RunLogWriter(run / "log.jsonl")
for line in sys.stdin:
    log.append("state", status=line.strip())
    print("written", flush=True)
"""


class LiveWorker:
    """A process that holds the lock of a run and writes the states it is told."""

    def __init__(self, run: RunDir) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(run.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def write(self, status: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(status, file=self.process.stdin, flush=True)
        assert self.process.stdout.readline() == "written\n"

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


class Seen(MessagePump):
    """Keeps the views that are posted to it."""

    def __init__(self) -> None:
        super().__init__()
        self.views: list[RunView] = []

    @property
    def statuses(self) -> list[RunStatus]:
        return [view.status for view in self.views]

    def post_message(self, message: Message) -> bool:
        assert isinstance(message, RunRead)
        self.views.append(message.view)
        return True


@pytest.fixture
def live(isolated_home: Path) -> Iterator[Callable[[RunDir], LiveWorker]]:
    started: list[LiveWorker] = []

    def start(run: RunDir) -> LiveWorker:
        started.append(LiveWorker(run))
        started[-1].write("starting")
        return started[-1]

    yield start
    for worker in started:
        worker.kill()


def made(home: Path, number: int, *, config: str = "") -> RunDir:
    run_id = f"20260101-{number:06d}-aaaaaa"
    info = RunInfo(id=run_id, name=f"run {number}", experiment="e", created=float(number))
    return create_run(home, info, config or '[checkpoint]\ndirectory = ""\n')


def train(run: RunDir, steps: int = 20) -> None:
    with RunLogWriter(run.log_path) as log:
        log.append("state", status="running")
        for step in range(1, steps + 1):
            log.append("metrics", step=step, epoch=0, values={"train/loss": 1 / step})
            log.append("task", name="train", done=step, total=2 * steps, epoch=0, epochs=2)


def end(run: RunDir, status: str, *, time_s: float = 900.0, **fields: object) -> None:
    with RunLogWriter(run.log_path) as log:
        log.append("state", time_s=time_s, status=status, **fields)


def saved(folder: Path, step: int, loss: float, run_id: str = "") -> None:
    name = f"step={step}.ckpt"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"x")
    sidecar = CheckpointSidecar(
        file=name, step=step, epoch=step // 10, metrics={"val/loss": loss, "val/median_m": 9.0},
        monitor="val/loss", size_bytes=1, sha256="0", created=float(step), run_id=run_id,
    )  # fmt: skip
    write_sidecar(folder, sidecar)


def by_number(runs: list[RunSummary]) -> dict[int, RunSummary]:
    return {int(run.info.created): run for run in runs}


def test_only_a_run_that_trains_has_time_left(
    isolated_home: Path, live: Callable[[RunDir], LiveWorker]
) -> None:
    run = made(isolated_home, 1)
    worker = live(run)
    train(run)
    with RunLogWriter(run.log_path) as log:
        log.append("task", name="train", done=21, total=40, remaining_s=12.5)
    index = RunIndex(isolated_home)
    assert index.refresh()[0].remaining_s == 12.5
    worker.write("paused")
    assert index.refresh()[0].remaining_s is None


def test_a_run_whose_results_are_made_keeps_its_epochs_and_has_no_time_left(
    isolated_home: Path, live: Callable[[RunDir], LiveWorker]
) -> None:
    run = made(isolated_home, 1)
    worker = live(run)
    worker.write("running")
    summary = {"step": 704, "epoch": 32, "epochs": 200, "total_steps": 4400}
    with RunLogWriter(run.log_path) as log:
        log.append("task", name="train", done=704, total=4400, epoch=32, epochs=200, remaining_s=9)
        log.append("state", status="running", reason="early stopping: …", summary=summary)
        # The report of the training is out of what a list of runs reads.
        for place in range(300):
            log.append("task", name="radio map, the receivers of the campus", done=place, total=300)
    index = RunIndex(isolated_home)
    (found,) = index.refresh()
    assert found.is_making_results
    assert (found.epochs, found.share_done, found.remaining_s) == (200, 0.16, None)
    rows = RunRows()
    rows.take_local([found])
    assert rows.rows[run.id].epochs_done == 32
    end(run, "finished", summary=summary)
    (found,) = index.refresh()
    assert not found.is_making_results
    rows.take_local([found])
    assert rows.rows[run.id].epochs_done == 32


def test_the_last_state_of_a_training_says_what_it_reached(isolated_home: Path) -> None:
    run = made(isolated_home, 1)
    train(run)
    metrics = {"val/loss": 0.5, "val/nll": "NaN"}
    summary = {"step": 40, "epoch": 1, "epochs": 2, "monitor": "val/loss", "best": 0.5}
    end(run, "stopped", reason="as asked", summary={**summary, "metrics": metrics})
    saved(run.checkpoints, 10, 0.1)

    (found,) = list_runs(isolated_home)

    assert found.status is RunStatus.STOPPED
    assert (found.step, found.epoch, found.epochs) == (40, 1, 2)
    assert (found.monitor, found.best) == ("val/loss", 0.5)
    assert found.metrics["val/loss"] == 0.5
    assert found.metrics["val/nll"] != found.metrics["val/nll"]
    assert (found.ended, found.reason) == (900.0, "as asked")


def test_without_a_summary_the_checkpoints_say_it(isolated_home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    usual, other = made(isolated_home, 1), made(isolated_home, 2)
    text = (
        f'[run]\nseed = 1\n\n[checkpoint]\nkeep_best = 3\ndirectory = "{elsewhere}"\n\n[export]\n'
    )
    other = made(isolated_home, 3, config=text)
    for run, folder in ((usual, usual.checkpoints), (other, elsewhere / other.id)):
        train(run, 5)
        saved(folder, 10, 0.7)
        saved(folder, 20, 0.9)
    runs = by_number(list_runs(isolated_home))
    for number in (1, 3):
        assert runs[number].status is RunStatus.CRASHED
        assert (runs[number].monitor, runs[number].best) == ("val/loss", 0.7)
        assert runs[number].metrics["val/median_m"] == 9.0
        assert (runs[number].step, runs[number].share_done) == (5, 0.5)
        assert runs[number].ended is not None
    assert runs[2].status is RunStatus.QUEUED
    assert (runs[2].step, runs[2].ended, runs[2].best) == (None, None, None)


@pytest.mark.parametrize(
    "summary",
    [None, 7, {}, {"metrics": 1}, {"monitor": 3, "metrics": {}}, {"step": "x", "best": "y"}],
)
def test_a_summary_of_garbage_is_survived(isolated_home: Path, summary: object) -> None:
    run = made(isolated_home, 1)
    end(run, "finished", summary=summary)
    (found,) = list_runs(isolated_home)
    assert (found.status, found.best, found.step) == (RunStatus.FINISHED, None, None)


def test_a_watched_run_is_followed_through_its_life(
    isolated_home: Path, live: Callable[[RunDir], LiveWorker]
) -> None:
    run, index = made(isolated_home, 1), RunIndex(isolated_home)

    def status() -> RunStatus:
        (found,) = index.refresh()
        assert found.status is list_runs(isolated_home)[0].status
        return found.status

    assert status() is RunStatus.QUEUED
    worker = live(run)
    assert status() is RunStatus.STARTING
    for next_state in ("running", "paused", "running"):
        worker.write(next_state)
        train_on = b'{"v":1,"t":1.0,"kind":"metrics","step":1,"epoch":0,"values":{}}\n' * 500
        with run.log_path.open("ab") as log:
            log.write(train_on)
        assert status() is RunStatus(next_state)
        assert status() is RunStatus(next_state)
    worker.kill()
    assert status() is RunStatus.CRASHED
    second = live(run)
    assert status() is RunStatus.STARTING
    second.write("finished")
    assert status() is RunStatus.FINISHED


@pytest.mark.parametrize(
    "config",
    [
        '[checkpoint]\ndirectory = "a\\u0000b"\n',
        f'[checkpoint]\ndirectory = "{"a" * 5000}"\n',
        "x = " + "[" * 5000 + "]" * 5000,
        "[checkpoint]\ndirectory = 5\n",
    ],
    ids=["zero", "too long", "too deep", "number"],
)
def test_one_run_with_an_odd_configuration_hides_no_other(isolated_home: Path, config: str) -> None:
    odd, good = made(isolated_home, 1), made(isolated_home, 2)
    odd.config_path.write_text(config)
    RunLogWriter(odd.log_path).append("state", status="finished", exit_code=0)
    assert {run.info.id for run in list_runs(isolated_home)} == {odd.id, good.id}
    seen = Seen()
    RunSource(seen, odd).look()
    assert seen.statuses == [RunStatus.FINISHED]


def test_a_log_that_was_emptied_is_another_one(isolated_home: Path) -> None:
    run, seen = made(isolated_home, 1), Seen()
    source = RunSource(seen, run)
    with RunLogWriter(run.log_path) as log:
        for step in range(50):
            log.append("metrics", step=step, epoch=0, values={"val/loss": 1.0})
    source.look()
    os.truncate(run.log_path, 0)
    source.look()
    assert "val/loss" not in seen.views[-1].history.metrics
    with RunLogWriter(run.log_path) as log:
        log.append("metrics", step=3, epoch=0, values={"val/loss": 2.0})
    source.look()
    assert list(seen.views[-1].history.metrics["val/loss"].places.steps) == [3]


def test_a_run_that_begins_never_looks_crashed(
    isolated_home: Path, live: Callable[[RunDir], LiveWorker]
) -> None:
    run, seen = made(isolated_home, 1), Seen()
    source = RunSource(seen, run)
    source.look()
    worker = live(run)
    source.look()
    worker.write("running")
    source.look()
    assert seen.statuses == [RunStatus.QUEUED, RunStatus.STARTING, RunStatus.RUNNING]


def test_a_look_costs_what_has_changed(
    isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [made(isolated_home, number) for number in range(5)]
    for run in runs[:4]:
        train(run)
        end(run, "finished")
    opened: list[str] = []

    def counted(path: Path, **options: int | None) -> object:
        opened.append(path.parent.name)
        return read_tail(path, **options)

    index = RunIndex(isolated_home)
    first = index.refresh()
    monkeypatch.setattr(run_index, "read_tail", counted)
    assert index.refresh() == first
    assert opened == []
    end(runs[2], "stopped")
    assert [run.status for run in index.refresh()].count(RunStatus.STOPPED) == 1
    assert opened == [runs[2].id]


def test_runs_that_come_and_go_are_noticed(isolated_home: Path) -> None:
    index = RunIndex(isolated_home)
    assert index.refresh() == []
    first, second = made(isolated_home, 1), made(isolated_home, 2)
    assert [run.path for run in index.refresh()] == [second.path, first.path]
    shutil.rmtree(first.path)
    assert [run.path for run in index.refresh()] == [second.path]
    train(second, 500)
    end(second, "finished")
    assert index.refresh()[0].status is RunStatus.FINISHED
    second.log_path.unlink()
    train(second, 1)
    assert index.refresh()[0].status is RunStatus.CRASHED


def test_what_is_no_run_is_left_out(isolated_home: Path) -> None:
    run = made(isolated_home, 1)
    folder = runs_folder(isolated_home)
    (folder / ".20260101-000002-aaaaaa.new").mkdir()
    (folder / "notes.txt").write_text("x")
    (folder / "empty").mkdir()
    (folder / "damaged").mkdir()
    (folder / "damaged" / "run.json").write_text("{")
    assert [found.path for found in list_runs(isolated_home)] == [run.path]
    assert find_run(isolated_home, "@last") == run
    for reference in ("empty", "notes", ".2026", "", "@first", "x" * 5000, "a\x00b", "~nobody-9/x"):
        with pytest.raises(UsageError):
            find_run(isolated_home, reference)


def test_a_reference_with_a_slash_is_an_honest_path_or_nothing(
    isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, other = made(isolated_home, 1), made(isolated_home, 2)
    monkeypatch.chdir(run.checkpoints)
    assert find_run(isolated_home, "../") == run
    assert find_run(isolated_home, f"../../{other.id}") == other
    hidden = run.path.parent / ".hidden"
    shutil.copytree(run.path, hidden)
    for reference in ("../x", f"../../{other.id}/..", str(hidden), "/", f"{run.id}/", "./\x00"):
        with pytest.raises(UsageError):
            find_run(isolated_home, reference)


def test_a_prefix_has_to_be_unique_and_an_id_is_one(isolated_home: Path) -> None:
    first, second = made(isolated_home, 1), made(isolated_home, 2)
    longer = first.path.with_name(first.id + "-copy")
    shutil.copytree(first.path, longer)
    assert find_run(isolated_home, first.id) == first
    assert find_run(isolated_home, second.id[:16]) == second
    with pytest.raises(UsageError, match="several"):
        find_run(isolated_home, first.id[:16])
    os.remove(longer / "run.json")
    assert find_run(isolated_home, first.id[:16]) == first
