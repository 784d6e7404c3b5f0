"""Saving checkpoints so that a crash leaves the old one or the new one, never half."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import CheckpointIO
from typing_extensions import override

from training_core.contract.files import replace_durably
from training_core.models.restore import load_checkpoint


class AtomicCheckpointIO(CheckpointIO):
    """Temporary name in the same folder, fsync, rename; loading is weights-only, always.

    A disk that refuses is remembered in `failed` instead of raised: Lightning calls this on
    one rank only and lets the others wait at a barrier behind it.
    """

    def __init__(self) -> None:
        self.failed: OSError | RuntimeError | None = None

    @override
    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        target = Path(path)
        temporary = target.with_name(f".{target.name}.tmp")
        self.failed = None
        try:
            with temporary.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            replace_durably(temporary, target)
        except BaseException as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            # torch reports a full disk as RuntimeError from its zip writer.
            if not isinstance(error, OSError | RuntimeError):
                raise
            self.failed = error

    @override
    def load_checkpoint(
        self,
        path: str | os.PathLike[str],
        map_location: Callable[..., Any] | None = None,
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        return load_checkpoint(Path(path))

    @override
    def remove_checkpoint(self, path: str | os.PathLike[str]) -> None:
        Path(path).unlink(missing_ok=True)
