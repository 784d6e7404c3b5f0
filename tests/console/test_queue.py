"""The queue on a real disk, with the real scheduler as a process and fake workers."""

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heimdall_console.queue import (
    QueueEntry,
    move,
    queue_lock,
    scheduler_lock_path,
    waiting,
    write_entry,
)
from tests.console.programs import (
    FakeRun,
    heimdall_with,
    wait_until,
    write_dataset,
    write_settings,
)
from training_core.contract.ending import write_end
from training_core.contract.errors import ExitCode
from training_core.contract.lock import is_locked, read_holder
from training_core.contract.run_dir import RunDir, find_run
from training_core.contract.run_log import RunLogReader, RunLogWriter
from training_core.contract.run_status import RunStatus, run_status

FOREVER = {"epochs": 100_000}


def queue(*arguments: str) -> Any:
    """What `queue …` says, as data."""
    answer = heimdall_with({}, "queue", *arguments, "--json")
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def waiting_ids() -> list[str]:
    return [row["id"] for row in queue("list") if row["state"] == "waiting"]


def states(run: RunDir) -> list[str]:
    records = RunLogReader(run.log_path).read_new()
    return [record["status"] for record in records if record["kind"] == "state"]


@pytest.fixture
def busy(isolated_home: Path) -> Iterator[FakeRun]:
    """A run that was started past the queue and holds the only place on the CPU."""
    run = FakeRun(isolated_home, FOREVER).start()
    yield run
    run.stop()


def kill_scheduler(home: Path) -> None:
    def is_gone() -> bool:
        # One that was just starting may have taken the place of the one that was killed.
        if not is_locked(scheduler_lock_path(home)):
            return True
        if (holder := read_holder(scheduler_lock_path(home))) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(holder.pid, signal.SIGKILL)
        return False

    wait_until(is_gone, "the scheduler is gone")


@pytest.fixture(autouse=True)
def no_scheduler_left(isolated_home: Path) -> Iterator[None]:
    yield
    kill_scheduler(isolated_home)


def queued(home: Path, count: int, plan: dict[str, Any] | None = None) -> list[RunDir]:
    runs = [FakeRun(home, plan or {"epochs": 1}).run for _ in range(count)]
    for place, run in enumerate(runs, start=1):
        assert queue("add", run.id)["place"] == place
    return runs


def test_runs_take_their_turn_in_order_and_the_scheduler_leaves(
    busy: FakeRun, isolated_home: Path
) -> None:
    runs = queued(isolated_home, 3)
    assert waiting_ids() == [run.id for run in runs]
    assert [run_status(run) for run in runs] == [RunStatus.QUEUED] * 3
    busy.stop()
    wait_until(lambda: all(run_status(r) is RunStatus.FINISHED for r in runs), "all finish")
    begun = [first_time(run, "starting") for run in runs]
    over = [first_time(run, "finished") for run in runs]
    assert begun == sorted(begun)
    # One at once: the setting's default.
    assert all(end <= start for end, start in zip(over, begun[1:], strict=False))
    wait_until(lambda: not is_locked(scheduler_lock_path(isolated_home)), "the scheduler leaves")
    assert queue("list") == []


def first_time(run: RunDir, status: str) -> float:
    records = RunLogReader(run.log_path).read_new()
    return next(float(r["t"]) for r in records if r.get("status") == status)


def test_as_many_train_at_once_as_the_settings_say(isolated_home: Path) -> None:
    write_settings("[queue]\ncpu_runs = 2\n")
    runs = [FakeRun(isolated_home, FOREVER).run for _ in range(3)]
    for run in runs:
        queue("add", run.id)
    wait_until(
        lambda: [run_status(run) for run in runs[:2]] == [RunStatus.RUNNING] * 2, "two train"
    )
    rows = queue("list")
    assert [row["state"] for row in rows] == ["training", "training", "waiting"]
    assert rows[2]["waits_for"] == "a run on the CPU to end"
    queue("cancel", runs[2].id)
    for run in runs[:2]:
        holder = read_holder(run.lock_path)
        assert holder is not None
        os.kill(holder.pid, signal.SIGTERM)


def test_places_change(busy: FakeRun, isolated_home: Path) -> None:
    a, b, c = (run.id for run in queued(isolated_home, 3))
    assert queue("move", c, "first") == {"id": c, "place": 1}
    assert waiting_ids() == [c, a, b]
    assert queue("move", c, "last")["place"] == 3
    assert waiting_ids() == [a, b, c]
    assert queue("move", c, "before", b)["place"] == 2
    assert queue("move", c, "1")["place"] == 1
    assert queue("move", c, "7")["place"] == 3
    assert queue("move", c, "2")["place"] == 2
    assert queue("move", b, "before", c)["place"] == 2
    assert waiting_ids() == [a, b, c]
    for _ in range(80):
        # There is always room between two.
        moved = waiting_move(isolated_home, [b, c])
    assert moved == [a, c, b]


def waiting_move(home: Path, pair: list[str]) -> list[str]:
    for run_id, other in (pair, pair[::-1]):
        move(home, run_id, "before", other)
    return [entry.run_id for entry in waiting(home)]


def test_a_cancelled_run_ends_as_killed_and_never_begins(
    busy: FakeRun, isolated_home: Path
) -> None:
    first, second = queued(isolated_home, 2)
    assert queue("cancel", first.id) == {"id": first.id, "status": "killed"}
    assert run_status(first) is RunStatus.KILLED
    last = RunLogReader(first.log_path).read_new()[-1]
    assert last["reason"] == "cancelled in the queue"
    busy.stop()
    wait_until(lambda: run_status(second) is RunStatus.FINISHED, "the other one finishes")
    assert states(first) == ["queued", "killed"]
    assert heimdall_with({}, "queue", "cancel", first.id).returncode == 2


def test_failed_runs_do_not_block(busy: FakeRun, isolated_home: Path) -> None:
    error = {"what": "The loss became NaN", "exit_code": 3}
    plans: list[dict[str, Any]] = [
        {"epochs": 1, "error": error},
        {"crash_at": 3},
        {"dies_at_birth": True},
        {"epochs": 1},
    ]
    runs = [FakeRun(isolated_home, plan).run for plan in plans]
    for run in runs:
        queue("add", run.id)
    busy.stop()
    expected = [RunStatus.FAILED, RunStatus.CRASHED, RunStatus.FAILED, RunStatus.FINISHED]
    wait_until(lambda: run_status(runs[-1]).has_ended, "the last one ends")
    assert [run_status(run) for run in runs] == expected
    assert "before it began" in RunLogReader(runs[2].log_path).read_new()[-1]["reason"]


def test_after_waits_for_the_end_of_a_run_however_it_ends(isolated_home: Path) -> None:
    write_settings("[queue]\ncpu_runs = 4\n")
    first = FakeRun(isolated_home, FOREVER).start()
    later, other = (FakeRun(isolated_home, {"epochs": 1}).run for _ in range(2))
    queue("add", later.id, "--after", first.run.id)
    queue("add", other.id)
    wait_until(lambda: run_status(other) is RunStatus.FINISHED, "who waits for nobody passes")
    assert queue("list")[-1]["waits_for"] == f"the end of {first.run.id}"
    assert run_status(later) is RunStatus.QUEUED
    first.stop()
    assert run_status(first.run) is RunStatus.CRASHED
    wait_until(lambda: run_status(later) is RunStatus.FINISHED, "it begins after the crash")


def test_nobody_waits_in_a_circle(busy: FakeRun, isolated_home: Path) -> None:
    a, b = (FakeRun(isolated_home, {}).run for _ in range(2))
    queue("add", a.id, "--after", b.id)
    answer = heimdall_with({}, "queue", "add", b.id, "--after", a.id)
    assert answer.returncode == 2
    assert "which waits for it" in answer.stderr
    assert heimdall_with({}, "queue", "add", b.id, "--after", b.id).returncode == 2


def test_a_run_that_was_killed_while_it_waited_leaves_the_queue(
    busy: FakeRun, isolated_home: Path
) -> None:
    first, second = queued(isolated_home, 2)
    assert write_end(first, RunStatus.KILLED, "killed on request", ExitCode.INTERRUPTED)
    wait_until(lambda: not entry_of(first, isolated_home).exists(), "the scheduler drops it")
    assert waiting_ids() == [second.id]
    assert states(first) == ["queued", "killed"]


def entry_of(run: RunDir, home: Path) -> Path:
    return home / "queue" / f"{run.id}.json"


def test_what_cannot_be_queued_is_refused(busy: FakeRun, isolated_home: Path) -> None:
    alive = heimdall_with({}, "queue", "add", busy.run.id)
    assert alive.returncode == 2
    assert "alive" in alive.stderr
    busy.stop()
    begun = heimdall_with({}, "queue", "add", busy.run.id)
    assert begun.returncode == 2
    assert "started before" in begun.stderr
    for arguments in (["move", busy.run.id, "first"], ["move", busy.run.id, "before"]):
        assert heimdall_with({}, "queue", *arguments).returncode == 2


def test_run_queues_what_it_makes(busy: FakeRun, isolated_home: Path) -> None:
    write_dataset(isolated_home / "datasets" / "site")
    quiet = ["--data-dir", "site", "--set", "tracking.enabled=false"]
    answer = heimdall_with({"epochs": 1}, "run", *quiet, "--queue", "--json")
    told = json.loads(answer.stdout)
    assert told["place"] == 1
    assert run_status(RunDir(Path(told["path"]))) is RunStatus.QUEUED
    # --after says --queue too; the reference is resolved to an id.
    after = heimdall_with({"epochs": 1}, "run", *quiet, "--after", "@last")
    assert after.returncode == 0, after.stderr
    run = find_run(isolated_home, "@last")
    assert after.stdout == f"{run.id}\n"
    rows = queue("list")
    assert [row["after"] for row in rows] == ["", "", told["id"]]
    # What was started past the queue holds the place, and is told first.
    assert (rows[0]["id"], rows[0]["state"]) == (busy.run.id, "training")
    assert rows[0]["waits_for"] == "past the queue"
    assert busy.run.id in heimdall_with({}, "queue", "list").stdout
    unknown = heimdall_with({}, "run", *quiet, "--after", "nobody")
    assert unknown.returncode == 2
    assert find_run(isolated_home, "@last").id == run.id
    busy.stop()
    wait_until(lambda: run_status(run) is RunStatus.FINISHED, "both have had their turn")


def entry_that_had_its_turn(run: RunDir, home: Path) -> None:
    """Leave the queue as a machine does that lost its power just after a turn was given."""
    path = entry_of(run, home)
    entry = QueueEntry.model_validate_json(path.read_bytes())
    with queue_lock(home):
        write_entry(home, entry.model_copy(update={"begun": 1.0}))


def test_a_turn_that_was_given_and_not_used_is_given_again(
    busy: FakeRun, isolated_home: Path
) -> None:
    given, died, waits = queued(isolated_home, 3)
    kill_scheduler(isolated_home)
    for run in (given, died):
        entry_that_had_its_turn(run, isolated_home)
    with RunLogWriter(died.log_path) as log:
        log.append("state", status="starting")
    busy.stop()
    # Any command of the queue finds that something waits and nobody gives turns.
    assert [row["id"] for row in queue("list")] == [given.id, waits.id]
    wait_until(lambda: run_status(waits) is RunStatus.FINISHED, "the last one has had its turn")
    assert states(given) == ["queued", "starting", "running", "finished"]
    assert run_status(died) is RunStatus.CRASHED
    assert not entry_of(died, isolated_home).exists()


def test_a_worker_begins_where_its_run_was_queued(isolated_home: Path, tmp_path: Path) -> None:
    run = FakeRun(isolated_home, FOREVER).run
    queue("add", run.id)
    wait_until(lambda: run_status(run) is RunStatus.RUNNING, "it trains")
    holder = read_holder(run.lock_path)
    assert holder is not None
    assert Path(f"/proc/{holder.pid}/cwd").resolve() == Path.cwd()
    # The leader of its own session: the end of whoever gave the turn does not reach it.
    assert os.getsid(holder.pid) == holder.pid
    os.kill(holder.pid, signal.SIGKILL)


def test_a_resumed_run_can_wait_too(isolated_home: Path) -> None:
    write_dataset(isolated_home / "datasets" / "site")
    quiet = ["--data-dir", "site", "--set", "tracking.enabled=false"]
    assert heimdall_with({"epochs": 1}, "run", *quiet).returncode == 0
    run = find_run(isolated_home, "@last")
    assert heimdall_with({"epochs": 1}, "run", "--resume", run.id, "--queue").returncode == 0
    wait_until(lambda: states(run).count("finished") == 2, "it is resumed in its turn")
    one_life = ["starting", "running", "finished"]
    assert states(run) == [*one_life, "queued", *one_life]


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"run_id": "x", "order": "1/0"}'])
def test_a_damaged_file_of_the_queue_is_passed_over(
    content: bytes, busy: FakeRun, isolated_home: Path
) -> None:
    (run,) = queued(isolated_home, 1)
    (isolated_home / "queue" / "x.json").write_bytes(content)
    assert waiting_ids() == [run.id]
    queue("cancel", run.id)
