"""Limits on time, and modules that step their optimizers themselves."""

import contextlib
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from tests.training.conftest import MakeRun, records
from tests.training.own_classes import Numbers, Pair
from training_core.contract.checkpoints import list_checkpoints
from training_core.contract.files import sha256_file
from training_core.contract.run_log import RunLogWriter
from training_core.training.control import StopControl
from training_core.training.memory import one_step
from training_core.training.pipeline import TrainingPipeline

pytestmark = pytest.mark.slow

OWN = """
[data]
class = "tests.training.own_classes:Numbers"
[model]
class = "tests.training.test_limits:Manual"
[trainer]
epochs = 4
accelerator = "cpu"
[tracking]
enabled = false
"""

LINE = OWN.replace("tests.training.test_limits:Manual", "tests.training.own_classes:Line")


class Manual(pl.LightningModule):
    """Steps its optimizer itself."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.layer = nn.Linear(4, 1)

    def forward(self, values: Tensor) -> Tensor:
        answer: Tensor = self.layer(values)
        return answer

    def training_step(self, batch: Pair, batch_idx: int) -> Tensor:
        loss: Tensor = (self(batch[0]) - batch[1]).square().mean()
        optimizer = self.optimizers()
        assert isinstance(optimizer, pl.core.optimizer.LightningOptimizer)
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
        return loss

    def validation_step(self, batch: Pair, batch_idx: int) -> None:
        self.log("val/loss", (self(batch[0]) - batch[1]).square().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 1e-2)


def test_manual_optimization_trains_and_is_exported(make_run: MakeRun) -> None:
    run = make_run(base=OWN, dataset=None)
    with RunLogWriter(run.log_path) as log:
        TrainingPipeline(run, log, StopControl()).run()
    assert any(r["name"] == "model.onnx" for r in records(run, "artifact"))


@pytest.mark.parametrize("every", [1, 50])
def test_a_limit_on_time_ends_with_a_checkpoint(make_run: MakeRun, every: int) -> None:
    run = make_run(
        "trainer.max_minutes=0.02",
        "trainer.epochs=5000",
        f"trainer.validate_every_n_epochs={every}",
        "early_stopping.enabled=false",
    )
    with RunLogWriter(run.log_path) as log:
        pipeline = TrainingPipeline(run, log, StopControl())
        pipeline.load_data()
        pipeline.create_lightning_module()
        pipeline.create_trainer()
        pipeline.train()
    last = list_checkpoints(run.checkpoints)[-1]
    assert last.step == pipeline.trainer.global_step
    assert 0 < last.step < 30_000
    left_s = [r["remaining_s"] for r in records(run, "task") if r.get("name") == "train"]
    assert left_s[0] is None
    assert all(0.0 <= s <= 1.2 for s in left_s[1:] if s is not None), "the limit, not the epochs"


@pytest.mark.parametrize("size", [3, 8, 40])
def test_a_trial_of_memory_takes_the_size_it_is_asked_for(make_run: MakeRun, size: int) -> None:
    run = make_run(base=OWN.replace("Manual", "Sized"), dataset=None)
    with RunLogWriter(run.log_path) as log:
        pipeline = TrainingPipeline(run, log, StopControl())
        pipeline.load_data()
        pipeline.create_lightning_module()
        pipeline.create_trainer()
    assert isinstance(pipeline.module, Sized)
    assert isinstance(pipeline.data, Numbers)
    one_step(pipeline.trainer, pipeline.module, pipeline.data, size)
    assert pipeline.module.seen == size


class Sized(Manual):
    """Remembers the size of a batch."""

    seen = 0

    def training_step(self, batch: Pair, batch_idx: int) -> Tensor:
        self.seen = len(batch[0])
        loss: Tensor = self(batch[0]).mean()
        return loss


def test_a_full_disk_leaves_the_checkpoint_of_the_same_name(
    make_run: MakeRun, small_disk: Path
) -> None:
    run = make_run(
        "trainer.epochs=1", f"checkpoint.directory={small_disk}", base=LINE, dataset=None
    )
    with RunLogWriter(run.log_path) as log:
        pipeline = TrainingPipeline(run, log, StopControl())
        pipeline.load_data()
        pipeline.create_lightning_module()
        pipeline.create_trainer()
        pipeline.train()
        saved = pipeline.keeper.save(pipeline.trainer, "validation", {"val/loss": 0.0})
        before = pipeline.keeper.chosen()
        with contextlib.suppress(OSError), (small_disk / "filler").open("wb") as filler:
            filler.write(bytes(1 << 20))
        refused = pipeline.keeper.save(pipeline.trainer, "validation", {"val/loss": 0.0})
        (small_disk / "filler").unlink()
    assert refused is None
    assert saved is not None
    assert before is not None
    assert before.file == saved.name
    assert pipeline.keeper.chosen() == before
    assert sha256_file(pipeline.keeper.folder / before.file) == before.sha256
