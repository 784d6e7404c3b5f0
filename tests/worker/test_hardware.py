import contextlib
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.worker.sampling import wait_for
from training_core.contract.records import FIELDS
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import Record, RunLogReader, RunLogWriter
from training_core.training import alert_watch
from training_core.training.activity import Activity
from training_core.training.progress_alerts import StallDetector
from training_core.worker import process_tree
from training_core.worker.hardware import HardwareSampler

MIB = 1024**2
HOLD = "import sys; x = bytearray(300 << 20); print('ready', flush=True); sys.stdin.readline()"


@contextlib.contextmanager
def child(*, detached: bool) -> Iterator[subprocess.Popen[bytes]]:
    """A child that holds 300 MiB."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=detached,
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield process
    finally:
        process.communicate(b"\n", timeout=30)


def hardware(run: RunDir) -> list[Record]:
    return [r for r in RunLogReader(run.log_path).read_new() if r["kind"] == "hardware"]


def await_hardware(run: RunDir, fits: Callable[[Record], bool]) -> Record:
    return wait_for(run.log_path, lambda r: r["kind"] == "hardware" and fits(r))


def test_a_record_has_the_fields_of_the_contract(run: RunDir, log: RunLogWriter) -> None:
    with HardwareSampler(run, log, Activity(), interval_s=0.05):
        await_hardware(run, lambda r: len(hardware(run)) >= 3)
    expected = FIELDS["hardware"].keys() - {"problem", "gpus_age_s"}
    for record in hardware(run):
        assert expected <= record.keys() <= FIELDS["hardware"].keys() | {"v", "t", "kind"}


def test_children_count_and_detached_processes_do_not(run: RunDir, log: RunLogWriter) -> None:
    with HardwareSampler(run, log, interval_s=0.05):
        before = await_hardware(run, lambda r: True)["rss_bytes"]
        with child(detached=True), child(detached=False):
            more = await_hardware(run, lambda r: r["rss_bytes"] > before + 250 * MIB)
        assert more["rss_bytes"] < before + 550 * MIB
        await_hardware(run, lambda r: r["t"] > more["t"] and r["rss_bytes"] < before + 100 * MIB)


def test_more_children_than_are_read_at_once_count_too(
    run: RunDir, log: RunLogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_tree, "_MOST_READ", 1)
    with (
        HardwareSampler(run, log, interval_s=0.05),
        child(detached=False),
        child(detached=False),
    ):
        await_hardware(run, lambda r: r["rss_bytes"] > 600 * MIB)


def test_a_busy_child_is_seen_in_the_processor_time(run: RunDir, log: RunLogWriter) -> None:
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        with HardwareSampler(run, log, interval_s=0.2):
            await_hardware(run, lambda r: r["cpu_percent"] > 20.0)
    finally:
        process.kill()
        process.wait()


def test_a_full_disk_does_not_end_the_sampling(run: RunDir, log: RunLogWriter) -> None:
    with HardwareSampler(run, log, Activity(), interval_s=0.02):
        await_hardware(run, lambda r: len(hardware(run)) >= 3)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (run.log_path.stat().st_size, limits[1]))
        try:
            wait_until(lambda: log.failed is not None)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        count = len(hardware(run))
        wait_until(lambda: len(hardware(run)) >= count + 3)
    assert log.failed is None


def test_a_clock_that_jumps_does_not_change_the_rhythm(
    run: RunDir, log: RunLogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time
    offsets = iter([3e6, -3e6, 0.0, -1e6] * 1000)
    with HardwareSampler(run, log, Activity(), interval_s=0.02):
        monkeypatch.setattr(time, "time", lambda: real() + next(offsets))
        wait_until(lambda: len(hardware(run)) >= 20)
    assert len({record["t"] > real() for record in hardware(run)}) == 2


def test_a_figure_that_cannot_be_measured_is_told_once(
    run: RunDir, log: RunLogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise ValueError("[no] /proc")

    with HardwareSampler(run, log, interval_s=0.02):
        await_hardware(run, lambda r: True)
        with monkeypatch.context() as patch:
            patch.setattr("psutil.virtual_memory", refuse)
            told = wait_for(run.log_path, lambda r: r["kind"] == "message")
        count = len(hardware(run))
        wait_until(lambda: len(hardware(run)) >= count + 3)
    assert "ValueError: [no] /proc" in told["text"]
    assert sum(r["kind"] == "message" for r in RunLogReader(run.log_path).read_new()) == 1


def test_nothing_is_written_after_the_end(run: RunDir, log: RunLogWriter) -> None:
    with HardwareSampler(run, log, Activity(), interval_s=0.01):
        await_hardware(run, lambda r: True)
    size = run.log_path.stat().st_size
    assert not [t for t in threading.enumerate() if t.name == "hardware"]
    assert run.log_path.stat().st_size == size


def test_a_training_that_hangs_is_told_while_it_hangs(
    run: RunDir, log: RunLogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_watch, "StallDetector", lambda: StallDetector(at_least_s=0.5))
    activity = Activity()
    with HardwareSampler(run, log, activity, interval_s=0.02):
        activity.begin()
        for _ in range(20):
            activity.batch_began()
            time.sleep(0.01)
            activity.batch_ended()
        alert = wait_for(run.log_path, lambda r: r["kind"] == "alert")
        activity.batch_began()
        activity.batch_ended()
        over = wait_for(run.log_path, lambda r: r["kind"] == "alert" and bool(r.get("cleared")))
        activity.end()
    assert alert["name"] == over["name"] == "stalled"
    assert "waits for data" in alert["text"]
    assert alert["advice"]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30.0
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
