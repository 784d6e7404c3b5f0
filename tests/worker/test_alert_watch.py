from pathlib import Path
from typing import Any

import pytest

from training_core.contract.records import encode_values
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import Record, RunLogReader, RunLogWriter
from training_core.training.activity import Activity
from training_core.training.alert_watch import AlertWatch


def metrics(log: RunLogWriter, step: int, **values: float) -> None:
    named = {name.replace("_", "/", 1): value for name, value in values.items()}
    log.append("metrics", step=step, epoch=0, values=encode_values(named))


def alerts(run: RunDir) -> list[Record]:
    return [r for r in RunLogReader(run.log_path).read_new() if r["kind"] == "alert"]


def test_alerts_come_from_what_the_log_says(run: RunDir, log: RunLogWriter) -> None:
    watch = AlertWatch(run, log, Activity())
    for step in range(100):
        metrics(log, step, train_loss=1.0 + 0.01 * (step % 7))
    assert watch.look() == []
    metrics(log, 100, train_loss=80.0)
    metrics(log, 101, val_error=float("nan"))
    watch.look()
    assert [(r["name"], r["step"]) for r in alerts(run)] == [("nan", 101), ("spike", 101)]
    assert all(r["text"] and r["advice"] and "cleared" not in r for r in alerts(run))
    for step in range(102, 202):
        metrics(log, step, train_loss=1.0)
    watch.look()
    assert [(r["name"], r.get("cleared")) for r in alerts(run)][2:] == [("spike", True)]


def test_what_an_earlier_worker_wrote_is_not_judged(run: RunDir, log: RunLogWriter) -> None:
    metrics(log, 1, val_error=float("nan"))
    watch = AlertWatch(run, log, Activity())
    assert watch.look() == []


def test_a_log_with_a_damaged_line_is_read_on(run: RunDir, log: RunLogWriter) -> None:
    watch = AlertWatch(run, log, Activity())
    with run.log_path.open("ab") as file:
        file.write(b'{"kind": "metrics"}\n{"kind": "metrics", "values": 3}\n\xff\x00[\n{}\n')
        file.write(b'{"kind": "checkpoint", "size_bytes": "big"}\n{"kind": 7}\n')
    metrics(log, 2, val_error=float("nan"))
    assert [alert.name for alert in watch.look()] == ["nan"]


def test_space_is_needed_where_the_checkpoints_lie(
    run: RunDir, log: RunLogWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Disk:
        f_frsize = 1
        f_blocks = 1 << 60

        def __init__(self, free: int) -> None:
            self.f_bavail = free

    elsewhere = tmp_path / "elsewhere"
    free = {run.path: 50 << 30, elsewhere: 9 << 30}

    def statvfs(path: Any) -> Disk:
        return Disk(free[path])

    activity = Activity()
    monkeypatch.setattr("training_core.training.alert_watch.os.statvfs", statvfs)
    watch = AlertWatch(run, log, activity)
    activity.checkpoint_folder, activity.checkpoint_bytes = elsewhere, 3 << 30
    assert watch.look() == []
    log.append("checkpoint", path="a.ckpt", size_bytes=5 << 30)
    (alert,) = watch.look()
    assert alert.name == "disk"
    assert str(elsewhere) in alert.text
    free[elsewhere] = 40 << 30
    assert [alert.cleared for alert in watch.look()] == [True]
