"""A resumed run on the CPU ends with exactly the weights of an undisturbed one."""

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning import Callback

from tests.training.conftest import MakeRun, records
from training_core.contract.checkpoints import list_checkpoints
from training_core.contract.errors import CheckpointError, StoppedError
from training_core.contract.resume_request import ResumeRequest
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogWriter
from training_core.models.restore import load_checkpoint
from training_core.training.control import StopControl
from training_core.training.pipeline import TrainingPipeline

pytestmark = pytest.mark.slow


class AskToStop(Callback):
    """Asks as a signal would, in a chosen batch of training or of validation."""

    def __init__(self, control: StopControl, batch: int, *, in_validation: bool) -> None:
        self._control = control
        self._batch = batch
        self._in_validation = in_validation

    def _ask(self) -> None:
        self._control._on_terminate(15, None)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        done = trainer.fit_loop.epoch_loop.batch_progress.total.ready - 1
        if not self._in_validation and done == self._batch:
            self._ask()

    def on_validation_batch_start(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        done = trainer.fit_loop.epoch_loop.batch_progress.total.ready
        if self._in_validation and done >= self._batch:
            self._ask()


def trained(
    run: RunDir, *, resume: Path | None = None, stop: tuple[int, bool] | None = None
) -> TrainingPipeline:
    control = StopControl()
    with RunLogWriter(run.log_path) as log:
        request = ResumeRequest(checkpoint=str(resume)) if resume else None
        pipeline = TrainingPipeline(run, log, control, request)
        pl.seed_everything(pipeline.config.run.seed, verbose=False)
        pipeline.load_data()
        pipeline.create_lightning_module()
        pipeline.create_trainer()
        if stop is not None:
            asks = AskToStop(control, stop[0], in_validation=stop[1])
            # Before the others: those read the request in the same batch.
            pipeline.trainer.callbacks.insert(0, asks)  # type: ignore[attr-defined]
            with pytest.raises(StoppedError):
                pipeline.train()
        else:
            pipeline.train()
    return pipeline


def same(one: object, other: object) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def last_checkpoint(run: RunDir) -> Path:
    return run.checkpoints / list_checkpoints(run.checkpoints)[-1].file


# 240 sessions leave about 5 batches of 32 an epoch.
SCHEDULES = {
    "cosine": ["schedule.name=cosine"],
    "plateau": ["schedule.name=plateau", "schedule.plateau_patience=0"],
    "accumulated": ["trainer.accumulate_grad_batches=2"],
}


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, dict[str, Any]]:
    """Final checkpoint by schedule, made when first asked for."""
    return {}


PLACES = {
    "first batch": (0, False),
    "middle": (2, False),
    "last batch": (4, False),
    "first batch of the second epoch": (5, False),
    "second epoch": (7, False),
    "validation": (1, True),
    "second validation": (6, True),
}
CASES = [("cosine", place) for place in PLACES] + [
    (schedule, place)
    for schedule in ("plateau", "accumulated")
    for place in ("middle", "second epoch", "second validation")
]


@pytest.mark.parametrize(("schedule", "place"), CASES)
def test_stopped_anywhere_and_resumed_is_bit_identical(
    make_run: MakeRun,
    undisturbed: dict[str, dict[str, Any]],
    schedule: str,
    place: str,
) -> None:
    if schedule not in undisturbed:
        whole = make_run(*SCHEDULES[schedule])
        trained(whole)
        undisturbed[schedule] = load_checkpoint(last_checkpoint(whole))
    expected = undisturbed[schedule]

    run = make_run(*SCHEDULES[schedule])
    trained(run, stop=PLACES[place])
    trained(run, resume=last_checkpoint(run))

    found = load_checkpoint(last_checkpoint(run))
    assert found["global_step"] == expected["global_step"]
    for part in ("state_dict", "optimizer_states", "lr_schedulers", "callbacks"):
        assert same(found[part], expected[part]), part
    steps = [r["step"] for r in records(run, "metrics") if "train/loss" in r["values"]]
    assert sorted(steps) == list(range(1, expected["global_step"] + 1)), "every step, once"
    assert records(run, "resumed")[0]["checkpoint"] in {
        record["path"] for record in records(run, "checkpoint")
    }


def test_resuming_from_another_network_is_refused(make_run: MakeRun) -> None:
    small = make_run("trainer.epochs=1")
    trained(small)
    other = make_run("trainer.epochs=1", "model.receiver_set_net.width=32")
    with pytest.raises(CheckpointError, match="another model"):
        trained(other, resume=last_checkpoint(small))
