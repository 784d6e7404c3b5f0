"""The queue on a machine with three GPUs, through the real nvidia-ml-py and a fake driver."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heimdall_console.queue import scheduler_lock_path
from tests.console.programs import heimdall_with, wait_until, write_dataset
from tests.fake_driver import build_driver
from training_core.contract.lock import is_locked, read_holder
from training_core.contract.run_dir import RunDir
from training_core.contract.run_status import RunStatus, run_status

SOURCE = Path(__file__).parent / "fake_gpus.c"


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the fake driver."""
    return build_driver(SOURCE, tmp_path_factory.mktemp("driver"))


@pytest.fixture
def gpus(
    driver: Path, tmp_path: Path, isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The folder whose files say which GPUs are busy; whatever still trains is ended."""
    folder = tmp_path / "gpus"
    folder.mkdir()
    monkeypatch.setenv("LD_LIBRARY_PATH", str(driver))
    monkeypatch.setenv("FAKE_GPUS", str(folder))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    write_dataset(isolated_home / "datasets" / "site")
    yield folder
    (folder / "hangs").unlink(missing_ok=True)
    locks = [scheduler_lock_path(isolated_home), *isolated_home.glob("runs/*/worker.lock")]
    for lock in locks:
        holder = read_holder(lock)
        if is_locked(lock) and holder is not None:
            os.kill(holder.pid, signal.SIGKILL)


def queued(*arguments: str) -> RunDir:
    command = ["run", "--data-dir", "site", "--set", "tracking.enabled=false", "--queue", "--json"]
    answer = heimdall_with({"epochs": 100_000}, *command, *arguments)
    assert answer.returncode == 0, answer.stderr
    return RunDir(Path(json.loads(answer.stdout)["path"]))


def rows() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(heimdall_with({}, "queue", "list", "--json").stdout)
    return listed


def environment(run: RunDir) -> dict[str, str]:
    """The environment of a run's worker, as the system knows it."""
    holder = read_holder(run.lock_path)
    assert holder is not None
    pairs = Path(f"/proc/{holder.pid}/environ").read_bytes().decode().split("\0")
    return dict(pair.partition("=")[::2] for pair in pairs if pair)


def wait_for(run: RunDir) -> None:
    wait_until(lambda: run_status(run) is RunStatus.RUNNING, f"{run.id} trains")


def test_a_run_sees_only_the_gpus_that_it_was_given(gpus: Path) -> None:
    (gpus / "0").touch()
    first, second = queued("--accelerator", "gpu"), queued("--accelerator", "auto")
    for run in (first, second):
        wait_for(run)
    assert environment(first)["CUDA_VISIBLE_DEVICES"] == "1"
    assert environment(first)["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert environment(second)["CUDA_VISIBLE_DEVICES"] == "2"
    on_cpu = queued("--accelerator", "cpu")
    wait_for(on_cpu)
    assert "CUDA_VISIBLE_DEVICES" not in environment(on_cpu)
    third = queued("--accelerator", "gpu")
    listed = {row["id"]: row for row in rows()}
    assert listed[first.id]["gpus"] == [1]
    assert listed[third.id]["waits_for"] == "1 GPU, 0 free"
    (gpus / "0").unlink()
    wait_for(third)
    assert environment(third)["CUDA_VISIBLE_DEVICES"] == "0"


@pytest.mark.parametrize("trouble", ["1.memory", "1.lost"])
def test_gpus_that_are_filled_or_lost_are_passed_over(trouble: str, gpus: Path) -> None:
    (gpus / trouble).touch()
    (gpus / "0.private").touch()
    run = queued("--accelerator", "gpu", "--devices", "2")
    wait_for(run)
    assert environment(run)["CUDA_VISIBLE_DEVICES"] == "0,2"


def test_a_driver_that_hangs_holds_up_only_who_needs_it(gpus: Path) -> None:
    (gpus / "hangs").touch()
    waits, on_cpu = queued("--accelerator", "gpu"), queued("--accelerator", "cpu")
    wait_for(on_cpu)
    waiting = {row["id"]: row["waits_for"] for row in rows() if row["state"] == "waiting"}
    assert waiting == {waits.id: "an answer of the GPU driver"}
    (gpus / "hangs").unlink()
    wait_for(waits)
