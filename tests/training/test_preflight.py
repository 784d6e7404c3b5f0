"""A preflight on real data: what it measures, what it finds wrong, and that it leaves nothing."""

import re
import socket
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.publishing.servers import free_port
from tests.training.conftest import MakeRun, records
from tests.training.own_classes import Line, Numbers, Pair
from tests.training.trials import OWN, config_text
from training_core.contract.checkpoints import list_checkpoints
from training_core.contract.errors import StoppedError
from training_core.contract.jobs import PreflightArguments, no_report
from training_core.contract.run_log import RunLogWriter
from training_core.training.control import StopControl
from training_core.training.pipeline import TrainingPipeline
from training_core.training.preflight import preflight

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the preflight makes its scratch folder; empty again after every test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def tried(text: str) -> dict[str, Any]:
    return preflight(PreflightArguments(config=text))


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(8)
        yield server.getsockname()[1]


def test_a_good_run_is_ready_and_nothing_is_left(
    campus: Path, tmp_path: Path, isolated_home: Path, temporary_folder: Path
) -> None:
    before = sorted(campus.iterdir())
    folder = tmp_path / "checkpoints"

    result = tried(
        config_text(
            tmp_path,
            f"data.dataset={campus}",
            f"checkpoint.directory={folder}",
            "tracking.enabled=true",
            "export.enabled=true",
        )
    )

    checks = result["checks"]
    assert result["status"] == "ok", checks
    assert list(checks) == [
        *("device", "dataset", "training", "validation", "memory", "duration", "disk"),
        *("tracking", "storage"),
    ]
    dataset = checks["dataset"]["figures"]
    assert dataset["train"] + dataset["val"] + dataset["test"] == dataset["sessions"] == 240
    steps = checks["training"]["figures"]
    assert steps["steps_measured"] >= 3
    assert 0.0 < steps["step_low_s"] <= steps["step_s"] <= steps["step_high_s"]
    assert 0.0 <= steps["data_wait_share"] < 1.0
    memory = checks["memory"]["figures"]
    assert memory["growth_bytes"] < memory["peak_bytes"] < memory["total_bytes"]
    # Nothing is left: no home, no folder of checkpoints, no scratch.
    assert not isolated_home.exists()
    assert not folder.exists()
    assert list(temporary_folder.iterdir()) == []
    assert list(Path.cwd().iterdir()) == []
    assert sorted(campus.iterdir()) == before


def test_the_forecast_is_what_the_run_does(campus: Path, tmp_path: Path, make_run: MakeRun) -> None:
    options = ("trainer.epochs=2", "model.receiver_set_net.width=64")
    forecast = tried(config_text(tmp_path, f"data.dataset={campus}", *options))["checks"]

    run = make_run(*options)
    with RunLogWriter(run.log_path) as log:
        pipeline = TrainingPipeline(run, log, StopControl())
        pipeline.run()

    done = [r["step"] for r in records(run, "metrics") if "train/loss" in r["values"]]
    assert forecast["duration"]["figures"]["steps"] == done[-1]
    assert forecast["duration"]["figures"]["validations"] == 2
    size_bytes = list_checkpoints(run.checkpoints)[-1].size_bytes
    expected = forecast["disk"]["figures"]["checkpoint_bytes"]
    assert expected == pytest.approx(size_bytes, rel=0.2)
    network = sum(p.numel() for p in pipeline.module.parameters())
    assert forecast["training"]["figures"]["parameters"] == network


def test_accumulated_steps_and_a_limit_on_time_are_counted(campus: Path, tmp_path: Path) -> None:
    checks = tried(
        config_text(
            tmp_path,
            f"data.dataset={campus}",
            "trainer.accumulate_grad_batches=2",
            "trainer.max_minutes=0.0001",
            "trainer.epochs=500",
            "trainer.validate_every_n_epochs=50",
        )
    )["checks"]
    figures = checks["duration"]["figures"]
    assert figures["batches_per_epoch"] == -(-checks["dataset"]["figures"]["train"] // 32)
    assert figures["steps"] == 500 * -(-figures["batches_per_epoch"] // 2)
    assert figures["validations"] == 10
    assert figures["predicted_s"] == figures["limit_s"] == pytest.approx(0.006)


def test_a_leaking_split_is_a_warning(campus: Path, tmp_path: Path) -> None:
    result = tried(config_text(tmp_path, f"data.dataset={campus}", "data.split=random"))
    assert result["status"] == "warning"
    assert "leaks" in result["checks"]["dataset"]["why"]
    assert "place" in result["checks"]["dataset"]["action"]


def test_a_missing_dataset_does_not_hide_the_rest(tmp_path: Path) -> None:
    result = tried(config_text(tmp_path, f"data.dataset={tmp_path / 'nowhere'}"))
    checks = result["checks"]
    assert result["status"] == "failed"
    assert checks["dataset"]["status"] == "failed"
    assert "no dataset" in checks["dataset"]["why"]
    assert checks["training"]["status"] == "skipped"
    assert checks["device"]["status"] == "ok"
    assert checks["tracking"]["status"] == "skipped"
    assert "not published" in checks["tracking"]["why"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_an_absent_gpu_is_said_and_the_data_are_looked_at(campus: Path, tmp_path: Path) -> None:
    checks = tried(config_text(tmp_path, f"data.dataset={campus}", "trainer.accelerator=gpu"))[
        "checks"
    ]
    assert checks["device"]["status"] == "failed"
    assert checks["dataset"]["status"] == "ok"
    assert checks["training"]["status"] == "skipped"


def test_a_tracking_server_that_is_down_is_said(campus: Path, tmp_path: Path) -> None:
    checks = tried(
        config_text(
            tmp_path,
            f"data.dataset={campus}",
            "tracking.enabled=true",
            f"tracking.uri=http://127.0.0.1:{free_port()}",
        )
    )["checks"]
    assert checks["training"]["status"] == "ok"
    assert checks["tracking"]["status"] == "failed"
    assert "Nothing listens" in checks["tracking"]["why"]
    assert "heimdall-console sync" in checks["tracking"]["action"]


def test_a_tracking_server_that_never_answers_is_not_waited_for_long(
    tmp_path: Path, silent_port: int
) -> None:
    checks = tried(
        config_text(
            tmp_path,
            "tracking.enabled=true",
            f"tracking.uri=http://127.0.0.1:{silent_port}",
            base=OWN,
        )
    )["checks"]
    assert checks["tracking"]["status"] == "failed"
    assert "did not answer in time" in checks["tracking"]["why"]


def test_an_absent_object_store_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = (
        "tracking.enabled=true",
        f"storage.endpoint=http://127.0.0.1:{free_port()}",
    )
    text = config_text(tmp_path, *options, base=OWN)
    without_keys = tried(text)["checks"]["storage"]
    assert without_keys["status"] == "failed"
    assert "HEIMDALL_S3_ACCESS_KEY" in without_keys["action"]
    monkeypatch.setenv("HEIMDALL_S3_ACCESS_KEY", "some")
    monkeypatch.setenv("HEIMDALL_S3_SECRET_KEY", "some-secret-value")
    absent = tried(text)
    assert absent["checks"]["storage"]["status"] == "failed"
    assert "not reachable" in absent["checks"]["storage"]["why"]
    assert "some-secret-value" not in str(absent)


def test_a_disk_that_is_too_small_is_foreseen(
    campus: Path, tmp_path: Path, small_disk: Path
) -> None:
    result = tried(
        config_text(tmp_path, f"data.dataset={campus}", f"checkpoint.directory={small_disk}")
    )
    disk = result["checks"]["disk"]
    assert disk["status"] == "failed"
    assert str(small_disk) in disk["why"]
    assert "checkpoint.directory" in disk["action"]
    assert result["status"] == "failed"
    assert list(small_disk.iterdir()) == []


class Broken(Line):
    """Has a bug in its training step."""

    def training_step(self, batch: Pair, batch_idx: int) -> Tensor:
        raise ZeroDivisionError("a bug of the user's own")


class Hungry(Line):
    """Needs too much memory for more than four examples."""

    def training_step(self, batch: Pair, batch_idx: int) -> Tensor:
        if len(batch[0]) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().training_step(batch, batch_idx)


class Empty(Numbers):
    """Has no training batch."""

    def __init__(self) -> None:
        super().__init__(rows=0)


def test_a_model_of_ones_own_is_tried(tmp_path: Path) -> None:
    result = tried(config_text(tmp_path, base=OWN))
    checks = result["checks"]
    assert result["status"] == "ok"
    assert checks["dataset"]["figures"] == {"class": "tests.training.own_classes:Numbers"}
    assert checks["duration"]["figures"]["steps"] == 4 * 8
    assert checks["validation"]["figures"]["batches"] == 8
    assert checks["validation"]["figures"]["metrics"] == ["val/loss"]


def test_every_check_is_told_when_it_begins_and_what_it_found_when_it_ends(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []

    def report(
        name: str, done: int, total: int | None, found: Mapping[str, Any] | None = None
    ) -> None:
        if found is not None:
            told.append((name, str(found["status"])))
        elif done == 0:
            told.append((name, "begins"))

    arguments = PreflightArguments(config=config_text(tmp_path, base=OWN))
    checks = preflight(arguments, report)["checks"]

    expected = [(name, word) for name, c in checks.items() for word in ("begins", c["status"])]
    assert [pair for pair in told if pair[0] in checks] == expected


def test_a_monitor_that_nothing_logs_is_found_before_the_run(tmp_path: Path) -> None:
    changes = ("checkpoint.monitor=val/accuracy", "checkpoint.mode=max")
    checks = tried(config_text(tmp_path, *changes, base=OWN))["checks"]
    assert checks["validation"]["status"] == "failed"
    assert "val/accuracy" in checks["validation"]["why"]
    assert "val/loss" in checks["validation"]["action"]


@pytest.mark.filterwarnings("ignore:Total length of .* is zero:UserWarning")
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("model.class=tests.training.test_preflight:Broken", "ZeroDivisionError.*test_preflight"),
        ("model.arguments={nan_at=1}", "The loss is nan"),
        ("data.class=tests.training.test_preflight:Empty", "gave no batch"),
        ("model.class=tests.training.own_classes:Nobody", "cannot be imported"),
    ],
)
def test_what_breaks_in_the_first_steps_is_said(tmp_path: Path, change: str, why: str) -> None:
    result = tried(config_text(tmp_path, change, base=OWN))
    training = result["checks"]["training"]
    assert training["status"] == "failed"
    assert re.search(why, training["why"])
    assert training["action"]
    assert result["checks"]["memory"]["status"] == "skipped"


def test_a_bug_keeps_its_traceback(tmp_path: Path) -> None:
    text = config_text(tmp_path, "model.class=tests.training.test_preflight:Broken", base=OWN)
    training = tried(text)["checks"]["training"]
    assert "in training_step" in training["detail"]


def test_a_batch_that_is_too_large_is_advised_smaller(tmp_path: Path) -> None:
    text = config_text(tmp_path, "model.class=tests.training.test_preflight:Hungry", base=OWN)
    training = tried(text)["checks"]["training"]
    assert training["status"] == "failed"
    assert "a batch of 32" in training["why"]
    assert "A batch of 4 fits" in training["action"]


def test_a_preflight_stops_when_asked(campus: Path, tmp_path: Path, temporary_folder: Path) -> None:
    def report(
        name: str, done: int, total: int | None, found: Mapping[str, Any] | None = None
    ) -> None:
        no_report(name, done, total, found)
        if name == "steps" and done > 1:
            raise StoppedError("The job was stopped, as asked")

    arguments = PreflightArguments(config=config_text(tmp_path, f"data.dataset={campus}"))
    with pytest.raises(StoppedError):
        preflight(arguments, report)
    assert list(temporary_folder.iterdir()) == []
