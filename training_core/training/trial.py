"""A few real steps and a validation, and what they tell about the whole run."""

import math
from typing import Any, Final

import torch
from pytorch_lightning.utilities import CombinedLoader

from training_core.contract.config import Config
from training_core.contract.errors import DatasetError
from training_core.contract.home import home_path
from training_core.contract.jobs import Report
from training_core.data.check import check_tables
from training_core.data.leakage import leakage
from training_core.training.checks import Check
from training_core.training.dataset import LoadedDataset
from training_core.training.disk_forecast import (
    disks,
    is_full,
    is_tight,
    log_bytes,
    needs,
    saved_bytes,
)
from training_core.training.memory_peak import MemoryPeak
from training_core.training.pipeline import TrainingPipeline
from training_core.training.step_timer import StepTimer

_TIGHT_MEMORY: Final = 0.9
_VALIDATION_BATCHES: Final = 2


def world_size(config: Config) -> int:
    """How many processes share the work."""
    return config.trainer.devices * config.trainer.num_nodes


class Trial:
    """Trains a little, then answers one question after the other.

    Args:
        config: Of the run.
        pipeline: Of the same configuration, in a scratch folder.
        report: Told what is done.
    """

    def __init__(self, config: Config, pipeline: TrainingPipeline, report: Report) -> None:
        self._config = config
        self._pipeline = pipeline
        self._report = report
        self._peak = MemoryPeak()
        self._timer = StepTimer(report, self._peak)
        self._validation_batches = math.nan
        self._predicted_s = math.nan

    def load(self) -> Check:
        """Read the data as the run does."""
        self._report("load data", 0, 1)
        self._pipeline.load_data()
        self._report("load data", 1, 1)
        if self._pipeline.dataset is None:
            return Check(figures={"class": self._config.data.class_path})
        self._report("look at the split", 0, 1)
        found = _dataset(self._pipeline.dataset)
        self._report("look at the split", 1, 1)
        return found

    def train(self) -> Check:
        """Make the network and the trainer, and train some steps and a validation."""
        pipeline = self._pipeline
        pipeline.create_lightning_module()
        pipeline.create_trainer()
        trainer, module = pipeline.trainer, pipeline.module
        # Without those of a run: nothing is recorded, judged or saved.
        trainer.callbacks = [self._timer]  # type: ignore[attr-defined]  # set by Trainer
        trainer.limit_val_batches = _VALIDATION_BATCHES
        trainer.check_val_every_n_epoch = 1
        try:
            trainer.fit(module, datamodule=pipeline.data)
        except torch.OutOfMemoryError as error:
            raise pipeline.batch_that_fits(error) from error
        timer = self._timer
        if not timer.step_s:
            raise DatasetError(
                "No training step was made",
                why="The training loader gave no batch",
                unharmed="Nothing was changed",
                action="Look at the data, the batch size and drop_last of the loader",
            )
        self._validation_batches = _length(trainer.val_dataloaders)
        low, middle, high = timer.middle_half_s()
        return Check(
            figures={
                "parameters": sum(p.numel() for p in module.parameters()),
                "trained_parameters": sum(
                    p.numel() for p in module.parameters() if p.requires_grad
                ),
                "device": str(trainer.strategy.root_device),
                "precision": self._config.trainer.precision,
                "steps_measured": len(timer.step_s),
                "step_s": middle,
                "step_low_s": low,
                "step_high_s": high,
                "data_wait_share": sum(timer.wait_s) / max(sum(timer.step_s), 1e-9),
            }
        )

    def validation(self) -> Check:
        """Whether the validation logs what chooses the best checkpoint."""
        metrics = self._pipeline.trainer.callback_metrics
        monitor = self._config.checkpoint.monitor
        figures = {
            "batch_s": self._timer.validation_batch_s,
            "batches": _plain(self._validation_batches),
            "metrics": sorted(metrics),
        }
        if self._timer.validation_batch_s is None:
            return Check(
                "failed",
                figures,
                why="No validation ran: the model or the data has none",
                action="Give the model a validation_step and the data a val_dataloader",
            )
        if monitor not in metrics:
            return Check(
                "failed",
                figures,
                why=f"No validation logged {monitor}, which chooses the best checkpoint",
                action="Set checkpoint.monitor to one of "
                + (", ".join(sorted(metrics)) or "those given to self.log"),
            )
        return Check(figures=figures)

    def memory(self) -> Check:
        """The highest use of memory while it trained and validated."""
        figures = self._peak.figures
        needed = figures.get("reserved_bytes", figures["peak_bytes"])
        if needed > _TIGHT_MEMORY * figures["available_bytes"]:
            return Check(
                "warning",
                figures,
                why="Little is left; a larger batch or another program would end the run",
                action="Lower trainer.batch_size and raise trainer.accumulate_grad_batches",
            )
        return Check(figures=figures)

    def duration(self) -> Check:
        """How long the whole run will take, from the middle half of the measured steps."""
        timer, trainer = self._timer, self._config.trainer
        world = world_size(self._config)
        per_epoch = timer.batches_per_epoch / world
        if math.isfinite(per_epoch):
            per_epoch = math.ceil(per_epoch)
        validations = trainer.epochs // trainer.validate_every_n_epochs
        beside_s = trainer.epochs * timer.epoch_start_s
        if timer.validation_batch_s is not None:
            validation_s = self._validation_batches * timer.validation_batch_s
            beside_s += validations * (validation_s / world + timer.validation_end_s)
        figures: dict[str, Any] = {
            "epochs": trainer.epochs,
            "steps": _plain(timer.steps_planned / world),
            "batches_per_epoch": _plain(per_epoch),
            "validations": validations,
            "limit_s": 60.0 * trainer.max_minutes or None,
            "may_stop_early": self._config.early_stopping.enabled,
        }
        for name, step_s in zip(("low", "predicted", "high"), timer.middle_half_s(), strict=True):
            batch_s = step_s / timer.batches_per_step
            full_s = trainer.epochs * per_epoch * batch_s + beside_s
            limited = [full_s, *([60.0 * trainer.max_minutes] if trainer.max_minutes else [])]
            known = [value for value in limited if math.isfinite(value)]
            figures[f"{name}_s"] = min(known) if known else None
        self._predicted_s = figures["predicted_s"] or math.nan
        if figures["predicted_s"] is None:
            return Check(
                "warning",
                figures,
                why="The loaders do not say how many batches an epoch has",
                action="Set trainer.max_minutes to bound the run",
            )
        return Check(figures=figures)

    def disk(self) -> Check:
        """Checkpoints, log and export against what is free."""
        module, trainer = self._pipeline.module, self._pipeline.trainer
        weights_bytes = saved_bytes(module.state_dict())
        states = [optimizer.state_dict() for optimizer in trainer.optimizers]
        checkpoint_bytes = weights_bytes + saved_bytes(states)
        seconds = self._predicted_s if math.isfinite(self._predicted_s) else 0.0
        step_s = self._timer.middle_half_s()[1]
        found = disks(
            needs(
                self._config,
                home_path(),
                checkpoint_bytes=checkpoint_bytes,
                weights_bytes=weights_bytes,
                log_bytes=log_bytes(seconds / step_s, seconds, self._timer.outputs),
            )
        )
        figures = {"checkpoint_bytes": checkpoint_bytes, "disks": found}
        action = "Free some space, lower checkpoint.keep_best, or set checkpoint.directory"
        full = [disk["folder"] for disk in found if is_full(disk)]
        if full:
            why = f"More is needed than is free in {', '.join(full)}"
            return Check("failed", figures, why=why, action=action)
        tight = [disk["folder"] for disk in found if is_tight(disk)]
        if tight:
            why = f"The run would nearly fill {', '.join(tight)}"
            return Check("warning", figures, why=why, action=action)
        return Check(figures=figures)


def _dataset(dataset: LoadedDataset) -> Check:
    split = dataset.split
    findings = [one for one in check_tables(dataset.store) if one.severity == "warning"]
    shares = leakage(dataset.store, split)
    figures = {
        "name": dataset.store.info.name,
        "sessions": len(dataset.store.session_ids),
        "receivers": len(dataset.store.receiver_ids),
        "split": split.name,
        "train": len(split.train),
        "val": len(split.val),
        "test": len(split.test),
        "val_near_train": _plain(shares["val_share"]),
        "test_near_train": _plain(shares["test_share"]),
        "findings": [one.as_json() for one in findings],
    }
    if split.leaking:
        return Check(
            "warning",
            figures,
            why=f"The split {split.name} leaks: {split.note}",
            action="Choose data.split = place, track or date for results that mean something",
        )
    if findings:
        return Check(
            "warning",
            figures,
            why="; ".join(f"{one.what} ({one.count:,})" for one in findings),
            action=f"See `heimdall-console data check {dataset.store.path}`",
        )
    return Check(figures=figures)


def _length(loaders: Any) -> float:
    """Batches of all loaders together; NaN where one does not say."""
    if loaders is None:
        return 0.0
    try:
        return float(sum(len(one) for one in CombinedLoader(loaders).flattened))
    except TypeError:
        return math.nan


def _plain(value: float) -> float | int | None:
    """A number as JSON carries it; None for what is not known."""
    if not math.isfinite(value):
        return None
    return int(value) if value == int(value) else value
