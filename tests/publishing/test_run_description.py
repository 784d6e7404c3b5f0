"""What MLflow shows of a run beside its metrics, and of the machine that it was trained on."""

from pathlib import Path
from typing import Any

import pytest

from tests.publishing.runs import (
    START_S,
    embedded,
    finished_run,
    history,
    log_steps,
    make_run,
    publish,
    run_of,
)
from training_core.contract.run_log import RunLogWriter
from training_core.publishing.run_description import alert_tag
from training_core.publishing.system_metrics import is_due, system_step, system_values

GPU = {
    "index": 1,
    "name": "A GPU",
    "utilization_percent": 87,
    "used_bytes": 20_000_000_000,
    "total_bytes": 80_000_000_000,
    "temperature_c": 55,
    "power_w": 350.0,
    "power_limit_w": 700.0,
}
HARDWARE: dict[str, Any] = {
    "gpus": [GPU],
    "cpu_percent": 180.0,
    "rss_bytes": 3_000_000_000,
    "memory_available_bytes": 64_000_000_000,
    "disk_free_bytes": 500_000_000_000,
    "data_wait_share": 0.25,
}


def test_hardware_has_mlflow_s_names_and_units() -> None:
    assert system_values(HARDWARE) == {
        "system/cpu_utilization_percentage": 180.0,
        "system/worker_memory_usage_megabytes": 3000.0,
        "system/system_memory_available_megabytes": 64_000.0,
        "system/disk_available_megabytes": 500_000.0,
        "system/data_wait_percentage": 25.0,
        "system/gpu_1_utilization_percentage": 87.0,
        "system/gpu_1_memory_usage_megabytes": 20_000.0,
        "system/gpu_1_memory_usage_percentage": 25.0,
        "system/gpu_1_power_usage_watts": 350.0,
        "system/gpu_1_power_usage_percentage": 50.0,
        "system/gpu_1_temperature_celsius": 55.0,
    }


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"gpus": None, "cpu_percent": None},
        {"gpus": ["x", {"index": "0", "used_bytes": 1, "total_bytes": 0, "power_w": None}]},
        {"cpu_percent": True, "rss_bytes": "3"},
    ],
)
def test_what_the_driver_does_not_say_is_left_out(record: dict[str, Any]) -> None:
    assert set(system_values(record)) <= {"system/gpu_1_memory_usage_megabytes"}


def test_a_system_step_never_repeats() -> None:
    assert system_step(START_S + 12.9, START_S) == 12
    assert system_step(START_S - 1.0, START_S) is None
    assert is_due(0, -1)
    assert next(step for step in range(40) if is_due(step, 12)) == 20
    assert not is_due(5, 12)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            {"name": "nan", "text": "The loss is NaN.", "advice": "Lower the rate.", "step": 7},
            ("heimdall.alert.nan", "step 7: The loss is NaN. Lower the rate."),
        ),
        ({"name": "disk", "cleared": True}, ("heimdall.alert.disk", "over; disk")),
        ({"name": 5}, None),
        ({}, None),
    ],
)
def test_alerts_become_tags(record: dict[str, Any], expected: tuple[str, str] | None) -> None:
    assert alert_tag(record) == expected


@pytest.mark.slow
def test_a_repeated_run_names_its_parent_its_changes_and_its_alerts(home: Path) -> None:
    parent = finished_run(home, run_id="20260923-120000-000000")
    changes: dict[str, list[Any]] = {
        "optimizer.learning_rate": [0.001, 0.002],
        "data.channels": [["rssi_dbm"], ["rssi_dbm", "toa_m"]],
    }
    run = make_run(home, parent=parent.id, changes=changes)
    orphan = make_run(home, "20260924-120000-fff000", parent="20200101-000000-000000")
    for each in (run, orphan):
        with RunLogWriter(each.log_path) as log:
            log.append("state", time_s=START_S, status="running")
            log.append("alert", time_s=START_S, name="spike", text="It jumped.", step=3)
            log_steps(log, 0, 3)
            log.append("state", time_s=START_S + 1, status="finished")
    published_parent = publish(parent)
    tags = run_of(embedded(home), publish(run).mlflow_run_id).data.tags
    assert tags["mlflow.parentRunId"] == published_parent.mlflow_run_id
    assert tags["heimdall.parent"] == parent.id
    assert tags["heimdall.changed.optimizer.learning_rate"] == "0.001 → 0.002"
    assert tags["heimdall.changed.data.channels"] == '["rssi_dbm"] → ["rssi_dbm","toa_m"]'
    assert tags["heimdall.alert.spike"] == "step 3: It jumped."
    tags = run_of(embedded(home), publish(orphan).mlflow_run_id).data.tags
    assert "mlflow.parentRunId" not in tags, "its parent is not published"
    assert tags["heimdall.parent"] == "20200101-000000-000000"


@pytest.mark.slow
def test_hardware_is_published_every_ten_seconds_by_the_age_of_the_run(home: Path) -> None:
    run = make_run(home)
    with RunLogWriter(run.log_path) as log:
        log.append("state", time_s=START_S, status="running")
        for second in range(35):
            log.append("hardware", time_s=START_S + second + 0.4, **HARDWARE)
        # The clock jumps back, and the run is resumed: what is there stays as it is.
        log.append("state", time_s=START_S + 5, status="running")
        for second in range(5, 45):
            changed = {**HARDWARE, "cpu_percent": -1.0}
            log.append("hardware", time_s=START_S + second, **changed)
        log.append("state", time_s=START_S + 50, status="finished")
    state = publish(run)
    found = history(embedded(home), state.mlflow_run_id, "system/cpu_utilization_percentage")
    milliseconds = round(START_S * 1000)
    assert found == [
        *((s, 180.0, milliseconds + s * 1000 + 400) for s in (0, 10, 20, 30)),
        (40, -1.0, milliseconds + 40_000),
    ]
    power = history(embedded(home), state.mlflow_run_id, "system/gpu_1_power_usage_watts")
    assert [step for step, _, _ in power] == [0, 10, 20, 30, 40]


@pytest.mark.slow
def test_a_damaged_log_and_a_newer_one_are_published_as_far_as_they_are_known(home: Path) -> None:
    run = finished_run(home, 5)
    lines = run.log_path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2][:10] + b"\xff\x00" + lines[2][12:]
    newer = (
        b'{"v":9,"t":1790000001.0,"kind":"metrics","step":50,"epoch":0,"values":{"a":1},"x":2}\n'
    )
    run.log_path.write_bytes(b"".join([*lines[:-1], newer, b"garbage\n", lines[-1]]))
    state = publish(run)
    found = run_of(embedded(home), state.mlflow_run_id)
    assert found.info.status == "FINISHED"
    assert found.data.tags["heimdall.log_lines_damaged"] == "2"
    assert found.data.tags["heimdall.log_records_newer"] == "1"
    assert found.data.metrics["a"] == 1.0
    points = history(embedded(home), state.mlflow_run_id, "train/loss")
    assert [step for step, _, _ in points] == [0, 2, 3, 4]
