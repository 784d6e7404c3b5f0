"""Going on from a checkpoint of the same run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training_core.contract.errors import CheckpointError
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogWriter
from training_core.models.restore import checkpoint_origin, load_checkpoint


def announce_resume(
    run: RunDir, log: RunLogWriter, path: Path, expected: Mapping[str, Any]
) -> None:
    """Say in the log where the run goes on; the request for it is then fulfilled.

    Args:
        run: The run.
        log: Its log.
        path: The checkpoint.
        expected: What a checkpoint of this run says of itself.

    Raises:
        CheckpointError: It is unreadable or of another model.
    """
    checkpoint = load_checkpoint(path)
    origin = checkpoint_origin(checkpoint, path)
    if any(origin[key] != expected[key] for key in ("network", "model_class", "model_arguments")):
        raise CheckpointError(
            f"{path} is a checkpoint of another model",
            why="Its network or its training data differ from those of the run",
            unharmed="Nothing was changed",
            action="Start a new run with --init-from to take its weights only",
        )
    log.append(
        "resumed",
        step=int(checkpoint["global_step"]),
        epoch=int(checkpoint["epoch"]),
        checkpoint=str(path),
    )
    run.resume_path.unlink(missing_ok=True)
