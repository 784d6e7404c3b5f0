"""Models as people name them on the command line."""

import os
import re
from pathlib import Path

from training_core.contract.errors import UsageError
from training_core.contract.home import working_folder

_REGISTERED = re.compile(r"^[^@/]+@[^@/]+$")


def resolve_model(reference: str) -> str:
    """A file's absolute path, or `name@alias` as it is.

    Raises:
        UsageError: It is neither.
    """
    path = Path(reference).expanduser()
    if path.is_file():
        return str(working_folder() / path)
    if path.is_dir() and (path / "model.onnx").is_file():
        return str(working_folder() / path / "model.onnx")
    if _REGISTERED.match(reference) and os.sep not in reference:
        return reference
    raise UsageError(
        f"There is no model {reference}",
        why="It is no file, and registered models are written name@alias",
        unharmed="Nothing was started",
        action="Name an .onnx file, or name@alias, name@v3 or name@latest",
    )


def resolve_model_or_checkpoint(reference: str, home: Path) -> str:
    """The same, or the best checkpoint of a run.

    Raises:
        UsageError: It is neither a model nor a run.
        CheckpointError: There is no such checkpoint.
    """
    from heimdall_console.checkpoint_reference import resolve_checkpoint

    path = Path(reference).expanduser()
    is_model = path.is_file() or (path / "model.onnx").is_file()
    if is_model or (_REGISTERED.match(reference) and not reference.startswith("@")):
        return resolve_model(reference)
    try:
        return str(resolve_checkpoint(reference, home))
    except UsageError as error:
        raise UsageError(
            f"There is no model {reference}",
            why=f"It is no file; as a run: {error.what}",
            unharmed="Nothing was started",
            action="Name a .ckpt or .onnx file, name@alias, a run's id or @last",
        ) from error
