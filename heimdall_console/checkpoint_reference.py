"""Checkpoints as people name them: by file, or by the run that saved them."""

import os
from pathlib import Path

from training_core.contract.checkpoints import (
    checkpoint_folder,
    chosen_checkpoint,
    own_checkpoints,
    read_sidecar,
)
from training_core.contract.config import Config
from training_core.contract.config_file import load_config
from training_core.contract.errors import CheckpointError, HeimdallError, UsageError
from training_core.contract.home import working_folder
from training_core.contract.run_dir import RunDir, find_run


def resolve_checkpoint(reference: str, home: Path, *, last: bool = False) -> Path:
    """The checkpoint of a path, or the best (or last) one of a run.

    Args:
        reference: A file, a run's id or the start of one, or `@last`.
        home: Where runs live.
        last: For a run: take its last checkpoint instead of its best.

    Raises:
        CheckpointError: There is no such file, or the run has no checkpoint.
        UsageError: There is no such run.
    """
    path = Path(reference).expanduser()
    if path.is_file():
        return working_folder() / path
    if reference.endswith(".ckpt") or (os.sep in reference and not path.is_dir()):
        raise CheckpointError(
            f"There is no checkpoint {reference}",
            unharmed="Nothing was started",
            action="Name a .ckpt file, a run's id or @last; `heimdall-console runs list` shows runs",
        )
    run = find_run(home, reference)
    directory = checkpoint_directory(run)
    folder = checkpoint_folder(run, directory)
    chosen = chosen_checkpoint(own_checkpoints(run, directory), "last" if last else "best")
    if chosen is None:
        raise CheckpointError(
            f"The run {run.id} has no checkpoint",
            why=f"{folder} holds none that is complete",
            unharmed="Nothing was started",
            action="Name another run or a .ckpt file",
        )
    return folder / chosen.file


def checkpoint_directory(run: RunDir) -> str:
    """The configured `checkpoint.directory`; empty where the configuration is unreadable."""
    try:
        return load_config(run.config_path).checkpoint.directory
    except HeimdallError:
        return ""


def run_of_checkpoint(checkpoint: Path, home: Path) -> RunDir:
    """The run that saved a checkpoint.

    Raises:
        UsageError: It is not known here.
    """
    sidecar = read_sidecar(checkpoint)
    beside = checkpoint.parent.parent
    if (beside / "run.json").is_file() and (sidecar is None or sidecar.run_id in ("", beside.name)):
        return RunDir(beside)
    if sidecar is not None and sidecar.run_id:
        return find_run(home, sidecar.run_id)
    raise UsageError(
        f"{checkpoint} belongs to no run of this home",
        why="It lies in no run directory and has no sidecar that names one",
        unharmed="Nothing was started",
        action="Start a new run from its weights with --init-from",
    )


def configuration_of(checkpoint: Path, home: Path) -> Config:
    """The configuration of the run that saved a checkpoint; the defaults where it is unknown."""
    try:
        return load_config(run_of_checkpoint(checkpoint, home).config_path)
    except UsageError:
        return Config()
