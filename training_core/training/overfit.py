"""Whether a model can learn one batch by heart: the job `overfit-batch`."""

import math
import signal
from collections.abc import Callable, Iterator, Mapping
from itertools import repeat
from typing import Any, Final

import pytorch_lightning as pl
import torch
from pytorch_lightning import Callback
from pytorch_lightning.utilities import CombinedLoader
from torch import Tensor

from training_core.contract.config import Config
from training_core.contract.errors import HeimdallError
from training_core.contract.jobs import OverfitArguments, Report, no_report
from training_core.training.devices import refuse_absent_device
from training_core.training.scratch import config_of_text, scratch_pipeline
from training_core.training.verdict import judge

_ERROR_M: Final = "train/position_error_m"


def overfit_batch(arguments: OverfitArguments, report: Report = no_report) -> dict[str, Any]:
    """Train on one fixed batch, without what keeps a model from learning by heart.

    Networks of ours lose dropout, gain noise, stochastic depth and weight decay, and their
    learning rate falls over these steps as a cosine. A model of the user's own is trained in training mode as it is.

    Returns:
        `verdict`, `learned`, `look_at`, and the loss and error of every step.

    Raises:
        HeimdallError: The data, the device or the model cannot be used at all.
    """
    config = _by_heart(config_of_text(arguments.config))
    refuse_absent_device(config.trainer)
    with scratch_pipeline(config) as pipeline:
        report("load data", 0, 1)
        pipeline.load_data()
        report("load data", 1, 1)
        pipeline.create_lightning_module()
        pipeline.create_trainer()
        trainer, module, data = pipeline.trainer, pipeline.module, pipeline.data
        curve = _Curve(arguments.steps, report)
        trainer.callbacks = [curve]  # type: ignore[attr-defined]  # set by Trainer
        trainer.limit_val_batches = 0
        with _OneBatch(data, arguments.steps) as batch:
            try:
                trainer.fit(module, datamodule=data)
            except torch.OutOfMemoryError as error:
                raise pipeline.batch_that_fits(error) from error
    floor_m = pipeline.spec["gaussian"]["sigma_floor_m"] if pipeline.spec else None
    verdict = judge(curve.losses, curve.errors_m, floor_m, curve.without_gradient)
    return {
        **verdict.as_json(),
        "steps": len(curve.losses),
        "examples": batch.examples,
        "losses": curve.losses,
        "errors_m": curve.errors_m,
        "without_gradient": curve.without_gradient,
        "parameters": sum(p.numel() for p in module.parameters() if p.requires_grad),
        "device": str(trainer.strategy.root_device),
        "own_model": bool(config.model.class_path),
    }


def _by_heart(config: Config) -> Config:
    """The configuration without what works against learning one batch."""
    model = config.model
    receiver_set = {"dropout": 0.0, "receiver_dropout": 0.0, "gain_noise_db": 0.0}
    changes: dict[str, dict[str, Any]] = {
        "model": {
            "receiver_set_net": model.receiver_set_net.model_copy(update=receiver_set),
            "localization_net": model.localization_net.model_copy(update={"stochastic_depth": 0.0}),
        },
        "optimizer": {"weight_decay": 0.0},
        "schedule": {"name": "cosine", "warmup_share": 0.0},
        "trainer": {
            "epochs": 1,
            "max_minutes": 0.0,
            "accumulate_grad_batches": 1,
            "validate_every_n_epochs": 1,
        },
        "early_stopping": {"enabled": False},
    }
    return config.model_copy(
        update={
            section: getattr(config, section).model_copy(update=values)
            for section, values in changes.items()
        }
    )


class _Repeated:
    """One batch, again and again; Lightning would take a list for a list of loaders."""

    def __init__(self, batch: Any, times: int) -> None:
        self._batch = batch
        self._times = times

    def __len__(self) -> int:
        return self._times

    def __iter__(self) -> Iterator[Any]:
        return repeat(self._batch, self._times)


class _OneBatch:
    """Makes a data module give its first training batch, and nothing else, for some steps."""

    def __init__(self, data: pl.LightningDataModule, steps: int) -> None:
        self.examples: int | None = None
        self._data = data
        self._steps = steps
        self._loaders: Callable[[], Any] = data.train_dataloader

    def __enter__(self) -> "_OneBatch":
        # On the instance: the module may look at its data module, which must stay what it is.
        vars(self._data)["train_dataloader"] = self._repeated
        return self

    def __exit__(self, *_: object) -> None:
        vars(self._data).pop("train_dataloader", None)

    def _repeated(self) -> _Repeated:
        try:
            batch, _, _ = next(iter(CombinedLoader(self._loaders(), "min_size")))
        except StopIteration:
            raise HeimdallError(
                "The training loader gave no batch",
                unharmed="Nothing was changed",
                action="Look at the data, the batch size and drop_last of the loader",
            ) from None
        self.examples = _examples(batch)
        return _Repeated(batch, self._steps)


class _Curve(Callback):
    """Keeps the loss and the position error of every step."""

    def __init__(self, steps: int, report: Report) -> None:
        self.losses: list[float] = []
        self.errors_m: list[float] = []
        self.without_gradient: list[str] = []
        """Parameters that the first backward pass did not reach."""
        self._steps = steps
        self._report = report
        self._on_terminate = signal.getsignal(signal.SIGTERM)
        self._has_looked = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning's own handler would end without a word."""
        signal.signal(signal.SIGTERM, self._on_terminate)

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Any
    ) -> None:
        """Look once for parameters that cannot learn."""
        if self._has_looked:
            return
        self._has_looked = True
        self.without_gradient = [
            name
            for name, parameter in pl_module.named_parameters()
            if parameter.requires_grad and parameter.grad is None
        ]

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Note the values; a broken loss ends it."""
        values = outputs if isinstance(outputs, Mapping) else {"loss": outputs}
        loss = values.get("loss", trainer.callback_metrics.get("train_loss"))
        self._report("steps", len(self.losses), self._steps)
        if not isinstance(loss, Tensor):
            raise HeimdallError(
                "The model's training_step returned no loss",
                why="Without it nobody can say whether the batch is learned",
                unharmed="Nothing was changed",
                action="Return the loss from training_step, also with manual optimization",
            )
        self.losses.append(float(loss))
        error = values.get(_ERROR_M)
        if isinstance(error, Tensor):
            self.errors_m.append(float(error))
        if not math.isfinite(self.losses[-1]):
            trainer.should_stop = True


def _examples(batch: object) -> int | None:
    """Length of the first tensor of a batch."""
    if isinstance(batch, Tensor):
        return len(batch) if batch.ndim else None
    if isinstance(batch, Mapping):
        batch = list(batch.values())
    if isinstance(batch, list | tuple):
        return next((n for part in batch if (n := _examples(part)) is not None), None)
    return None
