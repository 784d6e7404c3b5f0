"""Which checkpoints a run keeps: the best few and the last, each with its sidecar."""

import contextlib
import errno
import time
from pathlib import Path
from typing import Any, Final, Literal

import pytorch_lightning as pl
import torch

from training_core.contract.checkpoint_use import needed_checkpoints, read_by_jobs
from training_core.contract.checkpoints import (
    CheckpointSidecar,
    best_checkpoints,
    checkpoint_folder,
    chosen_checkpoint,
    own_checkpoints,
    read_sidecar,
    sidecar_path,
    write_sidecar,
)
from training_core.contract.errors import ConfigError, ConfigProblem, DivergedError
from training_core.contract.files import sha256_file
from training_core.contract.home import home_path
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogWriter
from training_core.contract.sections import CheckpointSection
from training_core.models.restore import ORIGIN
from training_core.training.beat import Look
from training_core.training.checkpoint_io import AtomicCheckpointIO
from training_core.training.hooks import RunPart
from training_core.training.recording import MetricsRecorder

REQUEST: Final = "request"
"""Reason of a checkpoint that a person asked for: it is kept until a person removes it."""


class CheckpointKeeper(RunPart):
    """Saves after validations, every few minutes and on request; removes what is surplus.

    What is kept is decided from the sidecars in the folder, never from memory: a run that
    was killed at any moment goes on with what is really there. The order is checkpoint,
    sidecar, record, and only then the removal of others.

    Args:
        run: The run; its folder of checkpoints exists.
        options: Where they lie and what to keep.
        log: The run's log.
        recorder: Its waiting steps are looked at first, so that no diverged weights are saved.
        files: Writes the files and says whether the disk refused.
        origin: What a checkpoint says of itself, see `training_core.models.restore`.
    """

    def __init__(
        self,
        run: RunDir,
        options: CheckpointSection,
        log: RunLogWriter,
        recorder: MetricsRecorder,
        files: AtomicCheckpointIO,
        origin: dict[str, Any],
    ) -> None:
        self.folder = checkpoint_folder(run, options.directory)
        self._run = run
        self._options = options
        self._log = log
        self._recorder = recorder
        self._files = files
        self._origin = origin
        # Both on the clock of the first rank, so that all save in the same batch.
        self._now_s: float | None = None
        self._saved_at: float | None = None
        self._tried: tuple[int, Path | None] | None = None
        self._has_complained = False

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Let every checkpoint say what it is."""
        checkpoint[ORIGIN] = self._origin

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save with the metrics of this validation."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        if self._options.monitor not in metrics:
            raise ConfigError(
                [
                    ConfigProblem(
                        "checkpoint.monitor",
                        f"no validation logged {self._options.monitor}; expected one of "
                        + (", ".join(sorted(metrics)) or "those given to self.log"),
                    )
                ]
            )
        self.save(trainer, "validation", metrics)

    def on_look(self, trainer: pl.Trainer, look: Look, batch_idx: int) -> None:
        """Save when the last save is long ago."""
        self._now_s = look.now_s
        if self._saved_at is None:
            self._saved_at = look.now_s
        minutes = self._options.every_n_minutes
        is_due = minutes > 0.0 and look.now_s - self._saved_at >= 60.0 * minutes
        if is_due and may_save(trainer, batch_idx):
            self.save(trainer, "time", {})

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save what was trained after the last validation."""
        self.save(trainer, "end", {})

    def save(self, trainer: pl.Trainer, reason: str, metrics: dict[str, float]) -> Path | None:
        """Save a checkpoint, its sidecar and its record; None where the disk refused.

        Training goes on without it then, and says so once. What was tried at this very
        step already is not tried again.

        Raises:
            DivergedError: A step's loss or a weight is not finite: earlier checkpoints are good.
        """
        self._recorder.flush()
        self._saved_at = self._now_s
        step, epoch = trainer.global_step, trainer.current_epoch
        _refuse_broken_weights(trainer.lightning_module, step)
        if not metrics and self._tried is not None and self._tried[0] == step:
            path = self._tried[1]
            is_asked = reason == REQUEST and trainer.is_global_zero
            return None if path and is_asked and not self._keep(path) else path
        name = f"epoch={epoch:03d}-step={step:07d}{'' if metrics else f'-{reason}'}.ckpt"
        path = self.folder / name
        trainer.save_checkpoint(path, weights_only=False)
        # Every rank remembers the attempt, not its success, which only the first one knows:
        # all must come to the next save together.
        self._tried = (step, path)
        if not trainer.is_global_zero:
            return path
        try:
            if self._files.failed is not None:
                raise self._files.failed
            sidecar = CheckpointSidecar(
                file=name,
                step=step,
                epoch=epoch,
                metrics=metrics,
                monitor=self._options.monitor,
                mode=self._options.mode,
                size_bytes=path.stat().st_size,
                sha256=sha256_file(path),
                created=time.time(),
                reason=reason,
                run_id=self._run.id,
            )
            write_sidecar(self.folder, sidecar)
        except (OSError, RuntimeError) as error:
            # What lay under this name before, with its sidecar, is an earlier good checkpoint.
            with contextlib.suppress(OSError):
                if not sidecar_path(path).exists():
                    path.unlink(missing_ok=True)
            self._complain(error)
            self._tried = (step, None)
            return None
        self._has_complained = False
        own = self._own()
        ranked = best_checkpoints(own)
        removed = self._surplus(own, {s.file for s in ranked[: self._options.keep_best]} | {name})
        self._log.append(
            "checkpoint",
            path=str(path),
            step=step,
            epoch=epoch,
            metrics=sidecar.model_dump()["metrics"],
            size_bytes=sidecar.size_bytes,
            sha256=sidecar.sha256,
            best=bool(ranked) and ranked[0].file == name,
            reason=reason,
            removed=[other.name for other in removed],
        )
        for other in removed:
            # The checkpoint first: a sidecar without its file is not listed, the other way is.
            with contextlib.suppress(OSError):
                other.unlink(missing_ok=True)
                sidecar_path(other).unlink(missing_ok=True)
        return path

    def chosen(self, which: Literal["best", "last"] = "best") -> CheckpointSidecar | None:
        """The best of this run's checkpoints or the last one; None where there is none."""
        return chosen_checkpoint(self._own(), which)

    def _surplus(self, own: list[CheckpointSidecar], kept: set[str]) -> list[Path]:
        """Those that nobody needs: no run or job is going to read them, nor a person wanted them."""
        surplus = [self.folder / s.file for s in own if s.file not in kept and s.reason != REQUEST]
        if not surplus:
            return []
        home = home_path()
        needed = needed_checkpoints(home, besides=self._run.id)
        needed |= {path.resolve() for path in read_by_jobs(home, surplus)}
        unread = [path for path in surplus if path.resolve() not in needed]
        # Only now: an export marks its checkpoint before its job ends.
        return [path for path in unread if not _is_exported(path)]

    def _keep(self, path: Path) -> bool:
        """Let a checkpoint that was saved for another reason count as asked for."""
        sidecar = read_sidecar(path)
        try:
            if sidecar is not None:
                write_sidecar(self.folder, sidecar.model_copy(update={"reason": REQUEST}))
        except OSError as error:
            self._complain(error)
            return False
        return True

    def _own(self) -> list[CheckpointSidecar]:
        return own_checkpoints(self._run, self._options.directory)

    def _complain(self, error: OSError | RuntimeError) -> None:
        if self._has_complained:
            return
        self._has_complained = True
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
        self._log.append(
            "message",
            level="warning",
            text=(
                f"A checkpoint could not be saved in {self.folder}: "
                f"{'the disk is full' if full else error}. Training goes on, and the earlier "
                "checkpoints are unharmed. Free some space: the next one is tried again."
            ),
        )


def _is_exported(checkpoint: Path) -> bool:
    sidecar = read_sidecar(checkpoint)
    return sidecar is not None and sidecar.is_exported


def _refuse_broken_weights(module: pl.LightningModule, step: int) -> None:
    # A gradient may overflow where the loss did not: the next loss would be the first sign.
    for name, weights in module.named_parameters():
        if not bool(torch.isfinite(weights).all()):
            raise DivergedError(
                f"The weights {name} became NaN or infinite by step {step}",
                action="Lower optimizer.learning_rate, or set optimizer.gradient_clip",
            )


def may_save(trainer: pl.Trainer, batch_idx: int) -> bool:
    """Whether a checkpoint after this batch is one that a run can go on from exactly.

    Gradients that are still being accumulated are in no checkpoint. After the last batch of
    an epoch the validation is due, which a resumed run would skip: it saves at its own end.
    """
    return (batch_idx + 1) % trainer.accumulate_grad_batches == 0 and not trainer.is_last_batch
