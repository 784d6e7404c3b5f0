"""Preparing a run to go on from a checkpoint: `resume.json`, or why it cannot."""

from pathlib import Path

from heimdall_console.checkpoint_reference import resolve_checkpoint, run_of_checkpoint
from heimdall_console.run_flags import KEYS
from heimdall_console.starting.request import Request
from heimdall_console.starting.run_making import absolute_paths, changes
from training_core.contract.checkpoints import CheckpointSidecar, read_sidecar
from training_core.contract.config_file import load_config
from training_core.contract.errors import CheckpointError, UsageError
from training_core.contract.lock import is_locked
from training_core.contract.resume_request import ResumeRequest, write_resume_request
from training_core.contract.run_dir import RunDir, find_run
from training_core.contract.run_status import run_status

_EPOCHS = KEYS["epochs"]


def prepare_resume(request: Request, reference: str, home: Path) -> RunDir:
    """Say in the run that a checkpoint belongs to from where its next worker goes on.

    Args:
        request: May ask for another number of epochs; every other difference is refused.
        reference: A checkpoint, a run's id, or `@last`.
        home: Where runs live.

    Raises:
        CheckpointError: There is no such checkpoint.
        UsageError: The run is alive, or another configuration is asked for.
        HeimdallError: The run's directory is not writable.
    """
    run, checkpoint = _run_and_checkpoint(reference, home)
    # First of all: what a living worker has completed rises while one reads the advice.
    refuse_living(run)
    asked = ResumeRequest(checkpoint=str(checkpoint or ""))
    if request.is_configured:
        epochs = _asked_epochs(request, run, home)
        if epochs is not None:
            if checkpoint is not None:
                _refuse_reached(run, checkpoint, epochs)
            asked = asked.model_copy(update={"epochs": epochs})
    write_resume_request(run, asked)
    return run


def _run_and_checkpoint(reference: str, home: Path) -> tuple[RunDir, Path | None]:
    """The run and where it goes on; None for one that died before its first checkpoint."""
    try:
        checkpoint = resolve_checkpoint(reference, home, last=True)
    except CheckpointError:
        if Path(reference).suffix == ".ckpt":
            raise
        run = find_run(home, reference)
        refuse_living(run)
        if not run_status(run).has_ended:
            raise
        return run, None
    return run_of_checkpoint(checkpoint, home), checkpoint


def refuse_living(run: RunDir) -> None:
    """Refuse to resume what has not ended.

    Raises:
        UsageError: The run has a worker.
    """
    if is_locked(run.lock_path):
        raise UsageError(
            f"The run {run.id} was not resumed",
            why="Its worker is alive",
            unharmed="That worker goes on",
            action="Wait for its end, or stop it first",
        )


def _asked_epochs(request: Request, run: RunDir, home: Path) -> int | None:
    """The number of epochs that was asked for, None where nothing was said about it."""
    said = request.flags.get("epochs") is not None or any(
        text.partition("=")[0].strip() == _EPOCHS for text in request.set_values
    )
    source = request.config_file
    if source is None:
        # Flags alone are read as changes of the run's own configuration.
        source = run.config_path
        request = Request(source, request.set_values, request.flags, None, "", False)
    own, asked = load_config(run.config_path), absolute_paths(request.resolve(), source, home)
    differing = changes(own, asked)
    longer = differing.pop(_EPOCHS, None)
    if differing:
        raise UsageError(
            f"{run.id} cannot go on with another configuration",
            why=f"These keys differ: {', '.join(differing)}",
            unharmed="The run is as it was",
            action=f"Leave them out to resume it, or start a new run with --from {run.id}, "
            "or with --init-from for its weights",
        )
    return asked.trainer.epochs if said or longer is not None else None


def _refuse_reached(run: RunDir, checkpoint: Path, epochs: int) -> None:
    """Refuse a length that the checkpoint has reached."""
    sidecar = read_sidecar(checkpoint)
    if sidecar is None:
        return
    completed = completed_epochs(sidecar)
    if epochs <= completed:
        raise UsageError(
            f"{run.id} cannot be resumed for {epochs} epochs",
            why=f"{checkpoint.name} has completed {completed}",
            unharmed="The run is as it was",
            action=f"Ask for --epochs {completed + 1} or more, or name an earlier checkpoint",
        )


def completed_epochs(saved: CheckpointSidecar) -> int:
    """Epochs that a run has behind it where it goes on from a checkpoint."""
    # Only a validation's checkpoint stands at the end of its epoch.
    return saved.epoch + (saved.reason == "validation")
