import time
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from training_core.training.activity import Activity, Progress
from training_core.training.activity_meter import ActivityMeter
from training_core.training.beat import Beat
from training_core.training.control import StopControl
from training_core.training.hooks import RunHooks

FETCH_S = 0.02


def test_the_training_clock_stands_still_outside_the_training_and_while_suspended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    activity = Activity()
    now[0] = 110.0
    assert not activity.progress().is_running
    activity.begin()
    began = activity.progress()
    now[0] = 112.0
    activity.batch_began()
    now[0] = 115.0
    activity.batch_ended()
    with activity.suspended():
        now[0] = 1000.0
        with activity.suspended():
            pass
        assert not activity.progress().is_running
    now[0] = 1001.0
    after = activity.progress()
    assert after == Progress(
        clock_s=began.clock_s + 6.0,
        is_running=True,
        batches=1,
        ended_s=began.clock_s + 5.0,
        waited_s=3.0,
        doing="data",
    )
    activity.checkpoint_began()
    now[0] = 1005.0
    assert activity.progress().doing == "checkpoint"
    activity.other_work_ended()
    now[0] = 1006.0
    activity.batch_began()
    assert activity.progress().waited_s == pytest.approx(3.0)
    assert activity.progress().doing == "step"
    activity.end()
    now[0] = 9000.0
    assert not activity.progress().is_running


class Slow(Dataset[Tensor]):
    """Examples that take their time."""

    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> Tensor:
        time.sleep(FETCH_S)
        return torch.ones(3)


class Watched(pl.LightningModule):
    """A small module that notes what the activity says inside its steps."""

    def __init__(self, activity: Activity) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 1)
        self.activity = activity
        self.training_steps: list[Progress] = []
        self.validation_steps: list[Progress] = []

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        self.training_steps.append(self.activity.progress())
        loss: Tensor = self.layer(batch).square().mean()
        return loss

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.validation_steps.append(self.activity.progress())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01)


def test_a_real_training_is_counted_with_its_waits_and_without_its_validations(
    tmp_path: Path,
) -> None:
    activity, control = Activity(), StopControl()
    module = Watched(activity)
    meter = ActivityMeter(activity, tmp_path / "checkpoints")
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=2,
        callbacks=[RunHooks([meter], Beat(lambda: [], control), control)],
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(module, DataLoader(Slow(), batch_size=1), DataLoader(Slow(), batch_size=1))
    end = activity.progress()
    assert end.batches == 20
    assert not end.is_running
    assert end.waited_s >= 20 * FETCH_S
    assert {p.doing for p in module.training_steps} == {"step"}
    assert {p.is_running for p in module.training_steps} == {True}
    assert {p.is_running for p in module.validation_steps} == {False}
    first, last = module.validation_steps[0], module.validation_steps[9]
    assert last.clock_s == first.clock_s, "the second epoch of training comes later"
    assert activity.checkpoint_folder == tmp_path / "checkpoints"
    assert activity.checkpoint_bytes == 4 * 4 * 3
