from pathlib import Path

import pytest

from tests.worker.sampling import SampledProcess

GIB = 1024**3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    path.mkdir()
    return path


def test_eight_gpus_are_measured(folder: Path, fake_nvml: Path) -> None:
    with SampledProcess(folder, fake_nvml, "whole") as sampled:
        record = sampled.record(lambda r: bool(r["gpus"]))
        output = sampled.end()
    assert [gpu["index"] for gpu in record["gpus"]] == list(range(8))
    assert record["gpus"][2] == {
        "index": 2,
        "name": "Fake GPU",
        "uuid": "GPU-002",
        "utilization_percent": 12,
        "used_bytes": 3 * GIB,
        "total_bytes": 80 * GIB,
        "temperature_c": 42,
        "power_w": 250.5,
        "power_limit_w": 700.0,
        "worker_bytes": 0,
    }
    assert record["gpus"][0]["worker_bytes"] == 512 * 1024**2
    assert "problem" not in record
    assert output[1] == "[]", "the sampler alone loads nothing heavy"


def test_the_memory_of_the_worker_is_unknown_where_the_driver_numbers_processes_differently(
    folder: Path, fake_nvml: Path
) -> None:
    with SampledProcess(folder, fake_nvml, "contained") as sampled:
        record = sampled.record(lambda r: bool(r["gpus"]))
    assert {gpu["worker_bytes"] for gpu in record["gpus"]} == {None}


def test_a_gpu_that_is_lost_keeps_its_place_and_is_told_once(folder: Path, fake_nvml: Path) -> None:
    with SampledProcess(folder, fake_nvml, "loses") as sampled:
        sampled.record(lambda r: bool(r["gpus"]) and r["gpus"][3]["used_bytes"] is not None)
        sampled.happen()
        lost = sampled.record(lambda r: "problem" in r)
        count = len(sampled.records())
        sampled.wait_for_records(count + 5)
        records = sampled.records()
        sampled.end()
    assert "GPU 3" in lost["problem"]
    assert [gpu["index"] for gpu in lost["gpus"]] == list(range(8))
    known = {name for name, value in lost["gpus"][3].items() if value is not None}
    assert known == {"index", "name", "uuid"}
    assert lost["gpus"][4]["utilization_percent"] == 14
    assert sum("problem" in record for record in records) == 1


def test_a_divided_gpu_shows_its_instances(folder: Path, fake_nvml: Path) -> None:
    with SampledProcess(folder, fake_nvml, "divided") as sampled:
        gpus = sampled.record(lambda r: bool(r["gpus"]))["gpus"]
    assert [gpu["index"] for gpu in gpus] == [0, 1, 2]
    assert [gpu["name"] for gpu in gpus] == ["Fake GPU MIG 3g.40gb"] * 2 + ["Fake GPU"]
    assert [gpu["utilization_percent"] for gpu in gpus] == [None, None, 11]
    assert [gpu["temperature_c"] for gpu in gpus] == [40, 40, 41]
    assert gpus[1]["used_bytes"] == 2 * GIB


def test_process_lists_may_be_forbidden(folder: Path, fake_nvml: Path) -> None:
    with SampledProcess(folder, fake_nvml, "private") as sampled:
        record = sampled.record(lambda r: bool(r["gpus"]))
    assert {gpu["worker_bytes"] for gpu in record["gpus"]} == {None}
    assert record["gpus"][7]["utilization_percent"] == 17


@pytest.mark.slow
def test_a_driver_that_hangs_holds_up_neither_the_other_figures_nor_the_end(
    folder: Path, fake_nvml: Path
) -> None:
    with SampledProcess(folder, fake_nvml, "hangs") as sampled:
        sampled.record(lambda r: bool(r["gpus"]))
        sampled.happen()
        told = sampled.record(lambda r: "problem" in r)
        sampled.wait_for_records(len(sampled.records()) + 3)
        records = sampled.records()
        took_s = float(sampled.end()[0])
    assert "does not answer" in told["problem"]
    assert told["gpus_age_s"] > 1.0
    assert len(told["gpus"]) == 8
    assert told["rss_bytes"] > 0
    assert records[-1]["gpus_age_s"] > told["gpus_age_s"]
    assert sum("problem" in record for record in records) == 1
    assert took_s < 3.0


@pytest.mark.slow
def test_a_driver_that_never_starts_is_told(folder: Path, fake_nvml: Path) -> None:
    with SampledProcess(folder, fake_nvml, "never_starts") as sampled:
        told = sampled.record(lambda r: "problem" in r)
        sampled.end()
    assert "does not answer" in told["problem"]
    assert told["gpus"] == []
    assert told["memory_available_bytes"] > 0


def test_without_a_driver_there_are_no_gpus_and_a_reason(folder: Path, tmp_path: Path) -> None:
    # A file that is no library stands in the way of a driver that this machine may have.
    library = tmp_path / "none"
    library.mkdir()
    (library / "libnvidia-ml.so.1").write_text("no library\n")
    with SampledProcess(folder, library) as sampled:
        told = sampled.record(lambda r: "problem" in r)
        sampled.wait_for_records(5)
        records = sampled.records()
        sampled.end()
    assert told["gpus"] == []
    assert told["problem"] == "No NVIDIA driver on this machine"
    assert sum("problem" in record for record in records) == 1
