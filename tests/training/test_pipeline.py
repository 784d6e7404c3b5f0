"""What a pipeline refuses, and what it takes from other runs."""

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from tests.training.conftest import BASE, MakeRun, records
from tests.training.test_worker import OWN
from training_core.contract.errors import (
    CheckpointError,
    ConfigError,
    DatasetError,
    DeviceError,
    HeimdallError,
    UnsafeCheckpointError,
)
from training_core.contract.run_log import RunLogWriter
from training_core.data.store import open_store, write_store
from training_core.models.restore import load_checkpoint, load_network
from training_core.training.control import StopControl
from training_core.training.devices import refuse_absent_device
from training_core.training.memory import largest_fitting, out_of_memory
from training_core.training.pipeline import TrainingPipeline


def prepared(make_run: MakeRun, *changes: str, base: str = BASE) -> TrainingPipeline:
    run = make_run(*changes, base=base, **({} if base == BASE else {"dataset": None}))
    with RunLogWriter(run.log_path) as log:
        pipeline = TrainingPipeline(run, log, StopControl())
        refuse_absent_device(pipeline.config.trainer)
        pipeline.load_data()
        pipeline.create_lightning_module()
        pipeline.create_trainer()
    return pipeline


@pytest.mark.parametrize(
    ("changes", "base", "error", "expected"),
    [
        (["data.dataset=/nowhere"], BASE, DatasetError, "There is no dataset"),
        (["data.dataset="], BASE, DatasetError, "No dataset is named"),
        (["data.split=moon"], BASE, DatasetError, "moon"),
        (["data.channels=['cfo_hz']"], BASE, DatasetError, "cfo_hz"),
        (["model.name=localization_net"], BASE, DatasetError, "no IQ recordings"),
        (["checkpoint.init_from=/nowhere.ckpt"], BASE, CheckpointError, "There is no checkpoint"),
        (["model.class=tests.training.own_classes:Absent"], OWN, ConfigError, "cannot be imported"),
        (["checkpoint.monitor=val/los"], BASE, ConfigError, "did you mean val/loss"),
        (["model.class=nowhere.at_all:X"], OWN, ConfigError, "cannot be imported"),
        (
            ["model.class=tests.training.own_classes:Numbers"],
            OWN,
            ConfigError,
            "no LightningModule",
        ),
        (["model.arguments={depth=3}"], OWN, ConfigError, "do not fit"),
    ],
)
def test_what_cannot_be_trained_says_why(
    make_run: MakeRun, changes: list[str], base: str, error: type[HeimdallError], expected: str
) -> None:
    with pytest.raises(error, match=expected):
        prepared(make_run, *changes, base=base)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_absent_is_not_replaced_silently(make_run: MakeRun) -> None:
    with pytest.raises(DeviceError, match="No CUDA GPU"):
        prepared(make_run, "trainer.accelerator=gpu")


def test_receivers_that_were_never_heard_are_named(
    make_run: MakeRun, campus: Path, tmp_path: Path
) -> None:
    store = open_store(campus)
    silent = store.receiver_ids[0]
    rows = store.observations.to_pylist()
    for row in rows:
        if row["receiver_id"] == silent:
            row.update(dict.fromkeys(("rssi_dbm", "snr_db", "toa_ns", "time_sd_ns"), None))
    observations = pa.Table.from_pylist(rows, schema=store.observations.schema)
    target = tmp_path / "with-a-silent-one"
    write_store(target, store.info, store.receivers, store.sessions, observations)

    pipeline = prepared(make_run, f"data.dataset={target}")

    texts = [record["text"] for record in records(pipeline.run_dir, "message")]
    assert any(silent in text for text in texts)
    assert pipeline.spec is not None
    assert silent not in pipeline.spec["receiver_ids"]


def test_the_no_signal_control_knows_nothing(make_run: MakeRun) -> None:
    pipeline = prepared(make_run, "data.signal=false")
    inputs = pipeline.data.examples.inputs  # type: ignore[attr-defined]  # our own data module
    assert bool(torch.isnan(inputs["observation"]).all())
    network = pipeline.module.network.eval()  # type: ignore[union-attr]
    with torch.no_grad():
        mean, _ = network(*(values[:50] for values in inputs.values()))
    assert torch.equal(mean, mean[:1].expand_as(mean))


@pytest.fixture
def saved(make_run: MakeRun) -> Path:
    """A checkpoint of a run of one epoch."""
    run = make_run("trainer.epochs=1")
    with RunLogWriter(run.log_path) as log:
        pipeline = TrainingPipeline(run, log, StopControl())
        pipeline.load_data()
        pipeline.create_lightning_module()
        pipeline.create_trainer()
        pipeline.train()
    best = pipeline.keeper.chosen()
    assert best is not None
    return pipeline.keeper.folder / best.file


def test_a_new_run_takes_the_weights_of_another(make_run: MakeRun, saved: Path) -> None:
    pipeline = prepared(make_run, f"checkpoint.init_from={saved}", "optimizer.learning_rate=0.5")
    expected = load_checkpoint(saved)["state_dict"]
    found = pipeline.module.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)


def test_weights_of_another_model_are_refused_by_name(make_run: MakeRun, saved: Path) -> None:
    with pytest.raises(CheckpointError, match=r"another model.*\(1, 1, 16\) in the file"):
        prepared(make_run, f"checkpoint.init_from={saved}", "model.receiver_set_net.width=32")


def test_a_checkpoint_rebuilds_its_network_without_its_dataset(saved: Path) -> None:
    network, origin = load_network(saved)
    assert origin["network"]["channels"] == ["rssi_dbm"]
    assert not network.training
    nobody = (
        torch.full((2, 3), -1),
        torch.full((2, 3, 2), math.nan),
        torch.full((2, 3, 1), math.nan),
    )
    mean, cholesky = network(*nobody)
    assert bool(torch.isfinite(mean).all())
    assert bool(torch.isfinite(cholesky).all())


def test_damaged_checkpoints_are_refused_wherever_they_are_cut(saved: Path, tmp_path: Path) -> None:
    content = saved.read_bytes()
    cut = tmp_path / "cut.ckpt"
    for length in np.linspace(0, len(content) - 1, 25, dtype=int):
        cut.write_bytes(content[:length])
        with pytest.raises(CheckpointError, match="cannot be read"):
            load_checkpoint(cut)
    for garbage in (b"hello", b"\x80\x04.", b"PK\x03\x04" + bytes(100)):
        cut.write_bytes(garbage)
        with pytest.raises(CheckpointError):
            load_checkpoint(cut)


class Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, (f"open({str(self.path)!r}, 'w').write('ran')",)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_with_code_is_refused_and_not_run(
    make_run: MakeRun, tmp_path: Path, zipped: bool
) -> None:
    path, trace = tmp_path / "evil.ckpt", tmp_path / "ran"
    torch.save({"state_dict": {}, "x": Payload(trace)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UnsafeCheckpointError, match="code"):
        load_checkpoint(path)
    with pytest.raises(UnsafeCheckpointError):
        prepared(make_run, f"checkpoint.init_from={path}")
    assert not trace.exists()


def test_out_of_memory_names_the_batch_that_fits() -> None:
    tried = []

    def try_batch(size: int) -> None:
        tried.append(size)
        if size > 24:
            raise torch.OutOfMemoryError("CUDA out of memory")

    error = out_of_memory(torch.OutOfMemoryError("CUDA out of memory"), 128, try_batch)

    assert tried == [64, 32, 16]
    assert "--batch-size 16" in error.action
    assert "accumulate_grad_batches=8" in error.action
    assert largest_fitting(lambda size: False, 128) == 0
