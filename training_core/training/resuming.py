"""Going on from a checkpoint of the same run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from training_core.contract.errors import CheckpointError
from training_core.contract.resume_request import ResumeRequest
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogWriter
from training_core.models.restore import checkpoint_origin, load_checkpoint
from training_core.training.hooks import RunHooks, RunPart
from training_core.training.steering import Steering


@dataclass(frozen=True)
class ResumePoint:
    """Where a run goes on, as its checkpoint says."""

    request: ResumeRequest
    step: int
    epoch: int
    """Counted from 0."""
    epochs: int | None
    """How many epochs the run has by now, where that was changed since its beginning."""


def resume_point(request: ResumeRequest, expected: Mapping[str, Any]) -> ResumePoint:
    """Look into the checkpoint that a run is to go on from.

    Args:
        request: Which checkpoint, and what changes.
        expected: What a checkpoint of this run says of itself.

    Raises:
        CheckpointError: It is unreadable, of another model, or beyond the end asked for.
    """
    if not request.checkpoint:
        return ResumePoint(request, 0, 0, request.epochs)
    path = Path(request.checkpoint)
    checkpoint = load_checkpoint(path)
    origin = checkpoint_origin(checkpoint, path)
    if any(origin[key] != expected[key] for key in ("network", "model_class", "model_arguments")):
        raise CheckpointError(
            f"{path} is a checkpoint of another model",
            why="Its network or its training data differ from those of the run",
            unharmed="Nothing was changed",
            action="Start a new run with --init-from to take its weights only",
        )
    epoch = int(checkpoint["epoch"])
    if request.epochs is not None and request.epochs <= epoch:
        raise CheckpointError(
            f"The run cannot end after {request.epochs} epochs",
            why=f"Its checkpoint {path.name} is of epoch {epoch + 1}",
            unharmed="Nothing was changed",
            action="Ask for more epochs",
        )
    hooks = checkpoint.get("callbacks", {}).get(RunHooks.__name__, {})
    changed = hooks.get(Steering.__name__, {}).get("epochs")
    return ResumePoint(
        request, int(checkpoint["global_step"]), epoch, request.epochs or changed or None
    )


class ResumeAnnouncer(RunPart):
    """Says in the log where the run goes on; the request for it is then fulfilled.

    Not before every rank has restored the checkpoint: each of them reads the request.

    Args:
        run: The run.
        log: Its log.
        point: Where it goes on.
        steering: Changes the number of epochs where that was asked for.
    """

    def __init__(
        self, run: RunDir, log: RunLogWriter, point: ResumePoint, steering: Steering
    ) -> None:
        self._run = run
        self._log = log
        self._point = point
        self._steering = steering

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Announce, and lengthen the schedule."""
        request = self._point.request
        self._log.append(
            "resumed",
            step=self._point.step,
            epoch=self._point.epoch,
            checkpoint=request.checkpoint,
        )
        if request.epochs is not None:
            text = self._steering.extend(trainer, request.epochs, request.schedule)
            self._log.append(
                "message", level="info", text=f"The run has {request.epochs} epochs now. {text}."
            )
        if trainer.is_global_zero:
            self._run.resume_path.unlink(missing_ok=True)
